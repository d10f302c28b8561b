// The page fits into every window, whatever people write.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

scenario("the log follows the newest message", { sizes: everySize }, async ({ openRoom, size }) => {
  const messages = 40; // more than any window holds
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.withoutBrowser("bob");
  await ada.knows("ada", "bob"); // this line makes the header of a small window taller
  for (let n = 1; n <= messages; n++) await bob.says(`message ${n}`);
  await ada.sees(`bob: message ${messages - 1}`, `bob: message ${messages}`);
  await ada.seesTheNewest();

  // But it does not move while a person reads further up.
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  await ada.presses("Home");
  await ada.seesTheOldest();
  await bob.says("too early?");
  await ada.sees("bob: too early?");
  await ada.seesTheOldest();

  await ada.presses("End");
  await ada.seesTheNewest();
  await bob.says("now");
  await ada.sees("bob: too early?", "bob: now");
  await ada.seesTheNewest();

  // The log also follows when the window becomes smaller, as when a phone shows
  // its keyboard, and when the person says something.
  await ada.resizes({ ...size, height: 300 });
  await ada.seesTheNewest();
  await ada.presses("Home");
  await ada.seesTheOldest();
  await ada.says("here I am");
  await ada.sees("bob: now", "ada: here I am");
  await ada.seesTheNewest();
});

scenario("no text breaks the layout", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  for (const text of [
    "a".repeat(2000),
    "https://chat.test/" + "path-without-end/".repeat(50) + "?query=" + "%20".repeat(50),
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽".repeat(60),
    "مرحبا بالجميع، هذا نص من اليمين إلى اليسار (123).",
    "\u202eturned around, and never turned back",
    "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308".repeat(20),
    "漢字".repeat(300),
  ]) {
    await ada.says(text);
    await ada.sees(`ada: ${text}`);
    await ada.fits();
  }
});

scenario("a person can talk in small and zoomed windows", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  for (const { name, ...window } of [
    { name: "a small phone", width: 320, height: 568, deviceScaleFactor: 2 },
    { name: "1280 × 800 at 200 %", width: 640, height: 400, deviceScaleFactor: 2 },
    { name: "1280 × 1024 at 400 %", width: 320, height: 256, deviceScaleFactor: 4 },
  ]) {
    await ada.resizes(window);
    await ada.fits();
    await ada.types(name);
    await ada.clicks("#compose button");
    await ada.sees(`ada: ${name}`);
    await ada.seesTheNewest();
    await ada.clicks("#text");
  }
});

// 1280 × 800 at 400 %.
scenario("in a very small window the page scrolls, and the log can be read", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.newcomer();
  await ada.resizes({ width: 320, height: 200, deviceScaleFactor: 4 });
  await ada.joins("ada");
  await ada.knows("ada"); // this line makes the header taller
  for (let n = 1; n <= 10; n++) await ada.says(`message ${n}`);
  await ada.sees("ada: message 9", "ada: message 10");
  await ada.seesTheNewest();
  await ada.presses("Shift+Tab");
  await ada.presses("Tab"); // the browser scrolls to what gets the focus
  await ada.isOn("#text");
  const { height, sideways, box } = await ada.evaluates(() => ({
    height: document.getElementById("log").clientHeight,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    box: document.getElementById("text").getBoundingClientRect().bottom - innerHeight,
  }));
  assert.ok(height >= 120, `the log is ${height} pixels high`);
  assert.ok(sideways <= 0, "the page scrolls sideways");
  assert.ok(box <= 2, `the box is ${box} pixels out of view when it has the focus`); // its border may be
  await ada.passesAxe();
});

// Firefox draws the scrollbar as a rectangle, over the corners of the box around it.
scenario("the log has round corners, and a ring when it has the focus", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(...Array.from({ length: 60 }, (_, n) => chat(n + 1, "bob", "message")));
  await ada.shows(60);
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  const picture = await ada.page.screenshot({ encoding: "base64" });
  const colors = await ada.evaluates(async (picture) => {
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const at = (x, y) => `rgb(${[...canvas.getImageData(x, y, 1, 1).data].slice(0, 3).join(", ")})`;
    const log = document.getElementById("log").getBoundingClientRect();
    const [left, right, top, bottom] = [Math.ceil(log.left), Math.floor(log.right) - 1, Math.ceil(log.top), Math.floor(log.bottom) - 1];
    return {
      corners: [at(left + 1, top + 1), at(right - 1, top + 1), at(left + 1, bottom - 1), at(right - 1, bottom - 1)],
      ring: at(left + 1, Math.round((top + bottom) / 2)),
      ground: getComputedStyle(document.body).backgroundColor,
      accent: getComputedStyle(document.getElementById("log")).outlineColor,
    };
  }, picture);
  assert.deepEqual(colors.corners, Array(4).fill(colors.ground), "a corner is not round");
  assert.equal(colors.ring, colors.accent, "the focus is not to be seen");
});
