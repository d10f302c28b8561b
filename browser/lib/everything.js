// Every scenario in one process, so that a browser starts once and not once for
// each file.

import { readdir } from "node:fs/promises";

export async function playEverythingIn(browser) {
  process.env.BROWSERS = browser; // browsers.js reads it, and nothing has loaded that yet
  const here = new URL("..", import.meta.url);
  for (const name of (await readdir(here)).sort()) {
    if (name.endsWith(".test.js")) await import(new URL(name, here));
  }
}
