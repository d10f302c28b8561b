// The page fits into every window, whatever people write.

import { everySize, scenario } from "./lib/scenario.js";

scenario("the log follows the newest message", { sizes: everySize }, async ({ openRoom, size }) => {
  const messages = 40; // more than any window holds
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.withoutBrowser("bob");
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
