// A scenario is a test that is played in each browser, and in windows of
// several sizes where the size matters.

import { test } from "node:test";
import { allBrowsers, browserFor } from "./browsers.js";
import { startNats } from "./nats.js";
import { Room } from "./room.js";
import { Stage } from "./stage.js";

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };
export const smallPhone = { width: 320, height: 640 };
export const everySize = [desktop, phone, smallPhone];

const timeout = 180_000; // milliseconds for one scenario in one window

// scenario declares a test. The options:
//
//   sizes    windows to play it in; a desktop alone if left out
//   schemes  colour schemes to play it in; "light" alone if left out. All but the
//            first are played at the first size only: colours have no size.
//   skip     { browser: "why it cannot be played there" }
export function scenario(title, ...rest) {
  const play = rest.pop();
  const { sizes = [desktop], schemes = ["light"], skip = {} } = rest.pop() ?? {};
  const [first, ...others] = schemes;
  const windows = [...sizes.map((size) => [size, first]), ...others.map((scheme) => [sizes[0], scheme])];
  test(title, async (t) => {
    for (const browser of allBrowsers) {
      for (const [size, scheme] of windows) {
        const name = `${browser} ${size.width} × ${size.height} ${scheme}`;
        await t.test(name, { skip: skip[browser] ?? false, timeout }, () => new Scene(browser, size, scheme).play(play));
      }
    }
  });
}

// A Scene is one scenario in one browser. Functions given to cleanUp run at its
// end, the last one first. If one of them fails, so does the scenario.
class Scene {
  #endings = [];

  constructor(kind, size, scheme) {
    Object.assign(this, { kind, size, scheme });
  }

  async play(play) {
    this.browser = await browserFor(this.kind, this.scheme);
    const errors = [];
    const attempt = (action) => Promise.resolve().then(action).catch((error) => errors.push(error));
    await attempt(() => play({
      browser: this.kind, size: this.size, scheme: this.scheme,
      openRoom: (...flags) => Room.open(this, ...flags),
      openLab: (...flags) => Room.openWithLab(this, ...flags),
      startNats: () => startNats(this),
      openStage: () => Stage.open(this),
    }));
    for (const ending of this.#endings.reverse()) await attempt(ending);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, errors.map((error) => error.message).join("\n"));
  }

  cleanUp(ending) {
    this.#endings.push(ending);
  }
}
