// The browsers. A test file has one process of each kind, started when a
// scenario first needs it and ended with the file.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import puppeteer from "puppeteer-core";

// Firefox takes its colour scheme from a setting that is read at the start, so
// light and dark are two processes there.
const kinds = {
  chromium: {
    variable: "CHROMIUM",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    options: () => ({
      browser: "chrome",
      args: [
        "--no-sandbox", // CI runs as root, where Chromium has none
        "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
        "--disable-smooth-scrolling", // a key pressed during the animation of the one before may go nowhere
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // no name leads out of this machine
        // One process for all pages: a new one for each would take longer than the scenario.
        "--in-process-gpu", "--renderer-process-limit=1", "--disable-site-isolation-trials",
        "--disable-features=SpareRendererForSitePerProcess,IsolateOrigins,site-per-process",
      ],
    }),
  },
  firefox: {
    variable: "FIREFOX",
    programs: ["firefox-esr", "firefox"],
    options: (scheme) => ({
      browser: "firefox",
      extraPrefsFirefox: {
        "layout.css.prefers-color-scheme.content-override": scheme === "dark" ? 0 : 1,
        "general.smoothScroll": false,
        // One process for all pages, as in Chromium.
        "dom.ipc.processCount": 1,
        "dom.ipc.processPrelaunch.enabled": false,
        "fission.autostart": false,
        // Firefox holds connection attempts back after a failure. The page has
        // delays of its own, and they are what the tests are about.
        "network.websocket.delay-failed-reconnects": false,
      },
    }),
  },
};

// BROWSERS=firefox npm test plays in one browser alone.
export const allBrowsers = process.env.BROWSERS?.split(",") ?? Object.keys(kinds);
for (const kind of allBrowsers) {
  if (!(kind in kinds)) throw new Error(`BROWSERS=${process.env.BROWSERS}: the browsers are ${Object.keys(kinds)}`);
}

const running = new Map();

after(async () => {
  await Promise.all([...running.values()].map(async (browser) => (await browser).close()));
});

// browserFor returns a running browser of this kind.
export function browserFor(kind, scheme) {
  const key = kind === "firefox" ? `${kind} ${scheme}` : kind;
  if (!running.has(key)) running.set(key, Browser.start(kind, scheme));
  return running.get(key);
}

// A Browser lends out windows. Each has a profile of its own, as if on a device
// of its own. Opening one takes most of a second, so scenarios reuse them.
class Browser {
  #puppeteer;
  #free = [];
  #front; // the window that has the keyboard

  static async start(kind, scheme) {
    const { options } = kinds[kind];
    const browser = new Browser();
    browser.kind = kind;
    browser.#puppeteer = await puppeteer.launch({
      executablePath: find(kind), headless: true, waitForInitialPage: false, protocolTimeout: 60_000, ...options(scheme),
    });
    return browser;
  }

  async borrow() {
    return this.#free.pop() ?? this.open();
  }

  // open opens a window that nobody used before.
  async open() {
    const profile = await this.#puppeteer.createBrowserContext();
    return profile.newPage({ type: "window" });
  }

  // giveBack makes the page forget what it stores, and store nothing more, such
  // as the name of a welcome that comes now: the next scenario may get the same
  // port, and so the same origin.
  async giveBack(page) {
    await page.evaluate("Storage.prototype.setItem = () => {}; localStorage.clear(); sessionStorage.clear()");
    await page.goto("about:blank");
    this.#free.push(page);
  }

  async toFront(page) {
    if (this.#front === page) return;
    await page.bringToFront();
    this.#front = page;
  }

  async close() {
    await this.#puppeteer.close();
  }
}

function find(kind) {
  const { variable, programs } = kinds[kind];
  if (process.env[variable]) return process.env[variable];
  for (const program of programs) {
    for (const directory of process.env.PATH.split(delimiter)) {
      const path = join(directory, program);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not here
      }
    }
  }
  throw new Error(`there is no ${kind} in PATH: install it (Debian: apt-get install chromium firefox-esr), or name it with ${variable}=path`);
}
