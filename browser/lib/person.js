// A Person has the page open in a window. What a person does is done with the
// browser's own keyboard and mouse events, so that a covered button or a key
// that the page swallows is found.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { patience } from "./patience.js";

export class Person {
  requests = []; // the address of every request
  #problems = [];
  #expected = []; // parts of problems that belong to the scenario
  #cover; // the tab in front of the page

  static async enter(scene, origin) {
    const page = await scene.browser.borrow();
    const person = new this();
    Object.assign(person, { scene, browser: scene.browser, page, origin });
    scene.cleanUp(() => person.browser.giveBack(page));
    person.#listens("console", (message) => {
      if (["error", "assert"].includes(message.type())) person.#problems.push(`console: ${message.text()} ${message.location()?.url ?? ""}`);
    });
    person.#listens("pageerror", (error) => person.#problems.push(`uncaught: ${error.message ?? error}`));
    person.#listens("request", (request) => person.#request(request.url()));
    scene.cleanUp(() => person.#leave()); // endings run backwards: this one while the listeners still listen
    if (person.browser.kind === "chromium") {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scene.scheme }]);
      await person.#watchSockets();
    }
    await person.resizes(scene.size);
    return person;
  }

  #listens(event, handler) {
    this.page.on(event, handler);
    this.scene.cleanUp(() => this.page.off(event, handler));
  }

  // Puppeteer tells of WebSockets in Firefox only, as requests.
  async #watchSockets() {
    const devTools = await this.page.createCDPSession();
    await devTools.send("Network.enable");
    devTools.on("Network.webSocketCreated", ({ url }) => this.#request(url));
    this.scene.cleanUp(() => devTools.detach());
  }

  #request(address) {
    this.requests.push(address);
    if (!/^(data|about|blob):/.test(address) && new URL(address).host !== new URL(this.origin).host) {
      this.#problems.push(`a request leaves the server: ${address}`);
    }
  }

  // expects says that problems with these words belong to the scenario.
  expects(...words) {
    this.#expected.push(...words);
  }

  async #leave() {
    await this.#cover?.close();
    await this.page.evaluate("0"); // by now the browser has told of everything
    const problems = this.#problems.filter((problem) => !this.#expected.some((words) => problem.includes(words)) && !withoutIcon.test(problem));
    assert.deepEqual(problems, [], "the page has problems");
  }

  // opens opens the page, or loads it again.
  async opens(address = this.origin) {
    await this.page.goto(address);
  }

  async resizes(size) {
    await this.page.setViewport(size);
    await this.waitFor((size) => innerWidth === size.width && innerHeight === size.height, size);
  }

  // evaluates runs a function in the page. It goes there as text, so it sees
  // nothing but the page and its arguments.
  async evaluates(action, ...args) {
    return this.page.evaluate(`(${action})(...${JSON.stringify(args)})`);
  }

  // waitFor waits until a condition holds in the page. The page itself looks,
  // again and again, so that no state is missed between two questions.
  async waitFor(condition, ...args) {
    const shown = await this.page.evaluate(`(async (condition, args, patience) => {
      const end = performance.now() + patience;
      for (;;) {
        if (condition(...args)) return null;
        if (performance.now() > end) return document.body.innerText;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })(${condition}, ${JSON.stringify(args)}, ${patience})`);
    if (shown !== null) {
      assert.fail(`waited in vain for\n${condition}\nwith ${JSON.stringify(args)}. The page shows:\n${shown}`);
    }
  }

  // What a person does.

  async front() {
    await this.browser.toFront(this.page);
  }

  // types types into whatever has the focus; pastes puts all of it there at once.
  async types(text) {
    await this.front();
    await this.page.keyboard.type(text);
  }

  async pastes(text) {
    await this.front();
    await this.evaluates((text) => document.execCommand("insertText", false, text), text);
  }

  // presses presses a key, alone or with others: "Enter", "Shift+Tab".
  async presses(keys) {
    await this.front();
    const held = keys.split("+");
    const key = held.pop();
    for (const other of held) await this.page.keyboard.down(other);
    await this.page.keyboard.press(key);
    for (const other of held) await this.page.keyboard.up(other);
  }

  async clicks(selector) {
    await this.front();
    await this.page.click(selector);
  }

  // chooses clicks on a button beside a text in the outbox.
  async chooses(words, text) {
    await this.front();
    const button = await this.page.evaluateHandle(`(${(words, text) => {
      const item = [...document.querySelectorAll("#outbox li")].find((item) => item.querySelector("span").textContent === text);
      return [...item.querySelectorAll("button")].find((button) => button.textContent === words);
    }})(${JSON.stringify(words)}, ${JSON.stringify(text)})`);
    await button.asElement().click();
  }

  // replaces puts a text in the place of all that is in a field.
  async replaces(selector, text) {
    await this.evaluates((selector) => document.querySelector(selector).select(), selector);
    if (text === "") await this.presses("Backspace");
    else await this.pastes(text);
  }

  // joins gives a name, and waits until the page is in the room.
  async joins(name) {
    await this.pastes(name);
    await this.presses("Enter");
    await this.isConnected();
  }

  // says clicks on the box first. Up to a second after joining, the list of who is here
  // comes, makes the header taller, and can move the box away just before the click. A
  // person would see that, and click again.
  async says(text) {
    do await this.clicks("#text"); while (!await this.evaluates(() => document.activeElement.id === "text"));
    await this.pastes(text);
    await this.presses("Enter");
  }

  // hides opens a tab in front of the page; showsAgain closes it.
  async hides() {
    await this.front();
    this.#cover = await this.page.browserContext().newPage();
    await this.waitFor(() => document.hidden);
  }

  async showsAgain() {
    await this.#cover.close();
    this.#cover = undefined;
    await this.waitFor(() => !document.hidden);
  }

  // scrollsTo scrolls the log to so many pixels from its end, a negative number. Before, it waits
  // until the log is still: Firefox scrolls by keys in another thread, perhaps a little later.
  async scrollsTo(pixels) {
    await this.evaluates((pixels) => new Promise((scrolled) => {
      const log = document.getElementById("log");
      let place = log.scrollTop;
      let frames = 0; // for which the log has been still
      requestAnimationFrame(function look() {
        frames = log.scrollTop === place ? frames + 1 : 0;
        place = log.scrollTop;
        if (frames < 10) return requestAnimationFrame(look);
        log.scrollTop = pixels;
        requestAnimationFrame(() => requestAnimationFrame(scrolled));
      });
    }), pixels);
  }

  // What a person sees.

  async isConnected() {
    await this.waitFor(() => document.querySelector("#status.connected"));
  }

  async isDisconnected() {
    await this.waitFor(() => !document.querySelector("#status.connected"));
  }

  // sees waits until these are the last messages on the page, as "name: text".
  async sees(...want) {
    await this.waitFor((want) => {
      const items = [...document.querySelectorAll("#messages li:has(span)")].slice(-want.length);
      const shown = items.map((item) => item.querySelector("b").textContent + ": " + item.querySelector("span").textContent);
      return JSON.stringify(shown) === JSON.stringify(want);
    }, want);
  }

  // shows waits until the page has so many messages, not counting days and notes.
  async shows(count) {
    await this.waitFor((count) => document.querySelectorAll("#messages li:has(span)").length === count, count);
  }

  // waitsWith waits until these, and no others, are the texts in the outbox, as
  // "text: what the page says about it".
  async waitsWith(...want) {
    await this.waitFor((want) => {
      const items = [...document.getElementById("outbox").children];
      const shown = items.map((item) => `${item.querySelector("span").textContent}: ${item.querySelector("small").textContent}`);
      return JSON.stringify(shown) === JSON.stringify(want);
    }, want);
  }

  // knows waits until exactly these names are in the list of who is here.
  async knows(...names) {
    await this.waitFor((names) => {
      const listed = [...document.querySelectorAll("#presence li")].map((item) => item.textContent);
      return JSON.stringify(listed) === JSON.stringify(names);
    }, names);
  }

  // seesTheNewest and seesTheOldest wait until that end of the log is in view.
  async seesTheNewest() {
    await this.waitFor(() => document.querySelector("#messages li:last-child").getBoundingClientRect().bottom <=
      document.getElementById("log").getBoundingClientRect().bottom);
  }

  // The browser may still be scrolling when the oldest message comes into view, so the
  // second waits for the very top.
  async seesTheOldest() {
    await this.waitFor(() => {
      const log = document.getElementById("log");
      return log.scrollTop - 1 <= log.clientHeight - log.scrollHeight &&
        document.querySelector("#messages li").getBoundingClientRect().top >= log.getBoundingClientRect().top;
    });
  }

  // isToldOfNew waits until the button that leads to the newest message says this: a
  // number of new messages, or an arrow. Without words, until it is not there.
  async isToldOfNew(words) {
    await this.waitFor((words) => {
      const news = document.getElementById("news");
      return words === "" ? !news.checkVisibility() : news.checkVisibility() && news.textContent === words;
    }, words);
  }

  // hasWritten waits until this stands in the box, not yet sent.
  async hasWritten(text) {
    await this.waitFor((text) => document.getElementById("text").value === text, text);
  }

  // reads waits until an element has exactly this text.
  async reads(selector, text) {
    await this.waitFor((selector, text) => document.querySelector(selector)?.textContent === text, selector, text);
  }

  // isOn waits until the keyboard's focus is on an element, and visible.
  async isOn(selector) {
    await this.front();
    await this.waitFor((selector) => document.activeElement === document.querySelector(selector) &&
      getComputedStyle(document.activeElement).outlineStyle !== "none", selector);
  }

  // fits fails unless everything has its place in the window: no part of the
  // page sticks out, and only the lists scroll, and only up and down.
  async fits() {
    const problems = await this.evaluates(() => {
      const scrolling = "#log, #presence ul";
      const slack = 0.5; // pixels: sizes have fractions, and windows do not
      const sticksOut = (part) => {
        const box = part.getBoundingClientRect();
        return box.left < -slack || box.right > innerWidth + slack ||
          !part.parentElement.closest(scrolling) && (box.top < -slack || box.bottom > innerHeight + slack);
      };
      return [...document.querySelectorAll("body *")].filter(sticksOut).map((part) => `${part.tagName} sticks out`).concat(
        [document.documentElement, document.getElementById("log")]
          .filter((part) => part.scrollWidth > part.clientWidth)
          .map((part) => `${part.tagName} scrolls sideways`));
    });
    assert.deepEqual(problems, [], `the page does not fit into ${JSON.stringify(this.page.viewport())}`);
  }

  // passesAxe fails if axe finds something in the page that keeps people out.
  async passesAxe() {
    axe ??= await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const violations = await this.page.evaluate(`typeof axe === "object" || ${axe}; axe.run().then(({ violations }) =>
      violations.flatMap(({ help, nodes }) => nodes.map((node) => help + ": " + node.html)))`);
    assert.deepEqual(violations, [], "axe finds something");
  }

  // hears fails unless this text is read out by a screen reader as it comes:
  // it is in a live region that is not switched off.
  async hears(text) {
    const isLive = await this.evaluates((text) => {
      const found = document.evaluate(`//*[normalize-space(text())=${JSON.stringify(text)}]`, document).iterateNext();
      const region = found?.closest("[aria-live], [role=log], [role=status], [role=alert]");
      return region !== null && region !== undefined && region.ariaLive !== "off" && region.ariaBusy !== "true" && !found.closest("[aria-hidden=true]");
    }, text);
    assert.ok(isLive, `a screen reader does not read out ${text}`);
    if (this.browser.kind !== "chromium") return; // Firefox does not show its accessibility tree
    const tree = await this.page.accessibility.snapshot({ interestingOnly: false });
    const live = (node, region) => {
      region = node.live ? node : region;
      return node.name === text && region?.live && !region.busy || (node.children ?? []).some((child) => live(child, region));
    };
    assert.ok(live(tree), `Chromium's accessibility tree has no live region with ${text}`);
  }

  // stopsTheClock lets the next page wait for sleeps, instead of the time,
  // where it wants to wait for five seconds or more, or for the shortest time
  // that is given in milliseconds.
  async stopsTheClock(shortest = 5_000) {
    await this.beforeThePage((shortest) => {
      const alarms = new Map();
      const { setTimeout: start, clearTimeout: stop } = window;
      let now = 0;
      let last = 0;
      window.setTimeout = (ring, delay, ...rest) => {
        if (!(delay >= shortest)) return start(ring, delay, ...rest);
        alarms.set(--last, { ring: () => ring(...rest), at: now + delay }); // the browser's own numbers are positive
        return last;
      };
      window.clearTimeout = (id) => alarms.delete(id) || stop(id);
      window.sleep = (milliseconds) => {
        now += milliseconds;
        for (const [id, { ring, at }] of alarms) if (at <= now && alarms.delete(id)) ring();
      };
    }, shortest);
  }

  async sleeps(seconds) {
    await this.evaluates((seconds) => window.sleep(seconds * 1000), seconds);
  }

  // beforeThePage runs a function in each page that is opened from now on,
  // before the page's own scripts.
  async beforeThePage(action, ...args) {
    const { identifier } = await this.page.evaluateOnNewDocument(`(${action})(...${JSON.stringify(args)})`);
    this.scene.cleanUp(() => this.page.removeScriptToEvaluateOnNewDocument(identifier));
  }

  // livesIn sets the time zone of the window.
  async livesIn(zone) {
    await this.page.emulateTimezone(zone);
    this.scene.cleanUp(() => this.page.emulateTimezone());
  }

  // goesOffline takes the network away from the page's device.
  async goesOffline() {
    await this.page.setOfflineMode(true);
    this.scene.cleanUp(() => this.page.setOfflineMode(false));
    await this.waitFor(() => !navigator.onLine);
  }

  async goesOnline() {
    await this.page.setOfflineMode(false);
    await this.waitFor(() => navigator.onLine);
  }

  // screenshot writes a picture, if SCREENSHOTS names a directory for it.
  async screenshot(name) {
    const directory = process.env.SCREENSHOTS;
    if (!directory || this.browser.kind !== "chromium") return;
    await mkdir(directory, { recursive: true });
    await this.page.screenshot({ path: join(directory, `${name}.png`) });
  }
}

// The browser loads the icon when it likes, and so perhaps just when the scenario
// stops the server.
const withoutIcon = /net::ERR_.*\/icon\.svg$/;

let axe; // the script, half a megabyte
