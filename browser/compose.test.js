// The box in which a person writes.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";

const maxText = 2000; // characters

scenario("a text keeps its line breaks", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  await ada.pastes("roses are red\nviolets are blue");
  await ada.presses("Shift+Enter");
  await ada.types("and so on");
  await ada.hasWritten("roses are red\nviolets are blue\nand so on");
  await ada.presses("Enter");
  for (const person of [ada, bob]) await person.sees("ada: roses are red\nviolets are blue\nand so on");
  await ada.hasWritten("");
});

// iOS sets shiftKey where a sentence begins. No test has its keyboard, so the event
// here is made up.
scenario("an Enter that only says Shift sends the text", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.presses("Shift+Tab"); // this Shift key is up again
  await ada.presses("Tab");
  await ada.pastes("Hello.");
  await ada.evaluates(() => {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey: true, bubbles: true, cancelable: true }));
  });
  await ada.sees("ada: Hello.");
});

// People write Japanese, Chinese and Korean with an input method. Its Enter chooses
// a word. No test can press it, so the events here are made up.
scenario("the Enter of an input method sends nothing", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.pastes("にほん");
  for (const event of [{ isComposing: true }, { keyCode: 229 }]) await ada.evaluates((event) => {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...event }));
  }, event);
  await ada.hasWritten("にほん");
  await ada.waitsWith();
  await ada.shows(0);
  await ada.presses("Enter");
  await ada.sees("ada: にほん");
  await ada.shows(1);
});

scenario("the box grows with its text, up to a third of the window", { sizes: everySize }, async ({ openRoom, size }) => {
  const room = await openRoom();
  await room.chatter(30);
  const ada = await room.visitor("ada");
  await ada.sees("bob: 30");
  await hasLines(ada, 1);
  await ada.pastes("one\ntwo\nthree");
  await hasLines(ada, 3);
  await ada.seesTheNewest();
  await ada.fits();
  await ada.pastes("\nand more".repeat(50));
  await ada.waitFor((most) => {
    const box = document.getElementById("text");
    return Math.abs(box.offsetHeight - most) < 2 && box.scrollHeight > box.clientHeight;
  }, size.height * 0.33);
  await ada.seesTheNewest();
  await ada.fits();
  await ada.presses("Enter");
  await hasLines(ada, 1);
});

scenario("a text that is too long stays in the box", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  const almost = "👋".repeat(1800); // each one is two units of JavaScript, and one character of the server
  await ada.pastes(almost.slice(2));
  await ada.reads("#text-count", "");
  await ada.types("!");
  await ada.reads("#text-count", "Characters left: 200");
  await ada.hears("Characters left: 200");
  await ada.pastes("x".repeat(201));
  await ada.reads("#text-count", "Too long by 1");
  await ada.hears("Too long by 1");
  await ada.presses("Enter");
  await ada.reads("#text-error", "not sent: this text is too long");
  await ada.hears("not sent: this text is too long");
  await isInvalid(ada, true);
  await ada.fits();
  await ada.passesAxe();
  await ada.waitsWith();
  await ada.isOn("#text");

  await ada.presses("Backspace");
  await ada.reads("#text-error", "");
  await isInvalid(ada, false);
  await ada.reads("#text-count", "Characters left: 0");
  await ada.presses("Enter");
  await ada.reads("#text-count", "");
  await bob.sees(`ada: ${almost.slice(2)}!${"x".repeat(maxText - 1800)}`);
});

scenario("a draft survives a reload", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  ada.expects("Back-Forward Cache"); // Chromium reports that it closes the connection of a page that it keeps there
  await ada.pastes("half a sen");
  await ada.opens();
  await ada.hasWritten("half a sen");
  await ada.isOn("#text");
  assert.equal(await draftInANewTab(ada), "");
  await ada.types("ten");
  await ada.opens("about:blank");
  await ada.page.goBack();
  await ada.hasWritten("half a senten");
  await ada.clicks("#text");
  await ada.presses("End");
  await ada.types("ce");
  await ada.presses("Enter");
  await ada.sees("ada: half a sentence");
  await ada.opens();
  await ada.isConnected();
  await ada.hasWritten("");

  await ada.pastes("x".repeat(maxText));
  await ada.opens();
  await ada.reads("#text-count", "Characters left: 0");
});

async function draftInANewTab(person) {
  const tab = await person.page.browserContext().newPage();
  await tab.goto(person.origin);
  const draft = await tab.evaluate("document.getElementById('text').value");
  await tab.close();
  return draft;
}

async function isInvalid(person, invalid) {
  await person.waitFor((invalid) => document.getElementById("text").ariaInvalid === String(invalid), invalid);
}

// hasLines waits until the box is so many lines high.
async function hasLines(person, lines) {
  await person.waitFor((lines) => {
    const box = document.getElementById("text");
    return Math.round((box.clientHeight - 18) / 24) === lines && box.scrollHeight <= box.clientHeight;
  }, lines);
}
