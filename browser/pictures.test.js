// The pictures of README.md. "npm run screenshots" writes them. Otherwise these
// are scenarios like any others.

import { scenario } from "./lib/scenario.js";

const desk = { width: 1000, height: 640 };
const wideDesk = { width: 1280, height: 650, deviceScaleFactor: 0.8 }; // the picture of the lab is wide, and its file should be small
const phone = { width: 390, height: 844, deviceScaleFactor: 2 };

scenario("the page asks for a name in the middle of the window", { sizes: [desk] }, async ({ openRoom }) => {
  const room = await openRoom();
  const lin = await room.newcomer();
  await lin.fits();
  await lin.waitFor(() => {
    const box = document.getElementById("join").getBoundingClientRect();
    return Math.abs(box.left - (innerWidth - box.right)) <= 1;
  });
  await lin.screenshot("join");
});

scenario("three people make a plan until the server goes away", { sizes: [desk] }, async ({ openRoom }) => {
  const room = await openRoom();
  const maya = await room.visitor("Maya");
  const jonas = await room.visitor("Jonas");
  const lin = await room.visitor("Lin");
  const everyone = [maya, jonas, lin];
  for (const person of everyone) await person.knows("Jonas", "Lin", "Maya");
  for (const [person, name, text] of [
    [maya, "Maya", "Hello you two! ☀️ Who is up for a walk by the lake on Saturday?"],
    [jonas, "Jonas", "Me! I'll bring the thermos. ☕"],
    [lin, "Lin", "Count me in. Is ten too early?"],
    [jonas, "Jonas", "Ten is perfect."],
    [jonas, "Jonas", "The bakery opens at nine, so there will be cinnamon buns 😋"],
    [maya, "Maya", "Best plan of the week. Shall we meet at the old boathouse? https://map.test/lake/boathouse There is a bench out of the wind, and the bus stops right next to it."],
    [lin, "Lin", "See you there! 🦆"],
  ]) {
    await person.says(text);
    for (const reader of everyone) await reader.sees(`${name}: ${text}`);
  }
  await lin.knows("Jonas", "Lin", "Maya");
  await lin.clicks("#presence summary");
  await lin.clicks("#text");
  await lin.fits();
  await lin.screenshot("room");
  await lin.clicks("#presence summary");
  await lin.clicks("#text");
  await jonas.resizes(phone);
  await prefersTheDark(jonas);
  await jonas.fits();
  await jonas.screenshot("phone");

  for (const person of everyone) person.expects("/ws"); // attempts that fail
  await lin.types("I could also bring my");
  await room.stop();
  await lin.isDisconnected();
  await lin.hasWritten("I could also bring my");
  await lin.fits();
  await lin.screenshot("disconnected");
});

scenario("the lab shows a client that has stopped reading", { sizes: [wideDesk] }, async ({ openLab }) => {
  const room = await openLab();
  await room.visitor("Maya");
  const lin = await room.viewer();
  await lin.causes("stall");
  await lin.isRunning("stall");
  await lin.waitFor(() => [...document.querySelectorAll("#picture .trouble .news")]
    .some((words) => words.textContent.startsWith("writes for"))); // after about 10 s
  await lin.waitFor(() => [...document.querySelectorAll("#picture .trouble .news")].some((words) => Number(words.textContent) > 180));
  await lin.fits();
  await lin.screenshot("lab");
});

// prefersTheDark switches a person's device to dark colours. Firefox cannot do
// that while it runs, but the pictures come from Chromium only.
async function prefersTheDark(person) {
  if (person.browser.kind !== "chromium") return;
  await person.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await person.waitFor(() => matchMedia("(prefers-color-scheme: dark)").matches);
}
