// Every scenario in one process, so that a browser starts once and not once for
// each file.

import { readdir } from "node:fs/promises";
import { suite } from "node:test";

export function playEverythingIn(browser) {
  process.env.BROWSERS = browser; // browsers.js reads it, and nothing has loaded that yet
  const here = new URL("..", import.meta.url);
  // A suite ends after the last of its files. Without one, node may take the end
  // of the first file's scenarios for the end of all, and close the browser.
  suite(browser, async () => {
    for (const name of (await readdir(here)).sort()) {
      if (name.endsWith(".test.js")) await import(new URL(name, here));
    }
  });
}
