// The name: how the page asks for it, and how it is shown.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const maxName = 32; // characters
const tooLongName = "this name is too long: at most 32 characters are allowed";
const hiddenInName = "a name may not contain control or invisible characters";
const emptyName = "a name needs at least one visible character";
const serverName = "this name is the server's own: please choose another";

scenario("a name is asked for once", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.newcomer();
  await ada.types(" Ada ");
  await ada.presses("Enter");
  await isCalled(ada, "Ada");

  await ada.opens(); // a reload
  await isCalled(ada, "Ada");
  await ada.opens("about:blank"); // and back, some other day
  await ada.opens();
  await isCalled(ada, "Ada");
});

scenario("a bad name is asked for again", { sizes: everySize }, async ({ openRoom }) => {
  const ada = await (await openRoom()).newcomer();
  for (const [name, error] of [
    ["", emptyName],
    ["a".repeat(maxName + 1), tooLongName],
    ["\u202eada", hiddenInName],
    ["Server", serverName],
  ]) {
    await ada.replaces("#name", name);
    await ada.presses("Enter");
    await isTold(ada, "Your name", "#name", error);
    await ada.waitFor((name) => document.getElementById("name").value === name, name);
    await ada.isOn("#name");
    await isInvalid(ada, true);
  }
  await ada.presses("End");
  await ada.types("-");
  await ada.reads("#name-error", ""); // it was about another name
  await isInvalid(ada, false);
  await ada.types("less Ada");
  await ada.presses("Enter");
  await isCalled(ada, "Server-less Ada");
});

// A name that was good once may be reserved today.
scenario("a remembered name can be refused", async ({ openRoom }) => {
  const ada = await (await openRoom()).newcomer();
  await ada.evaluates(() => localStorage.setItem("name", "server"));
  await ada.opens();
  await isTold(ada, "Your name", "#name", serverName);
  await ada.isOn("#name");
});

// When Firefox restores or duplicates a tab, it fills in the form again, also if it is hidden.
scenario("a tab that is restored stays connected", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.evaluates(() => document.getElementById("name").dispatchEvent(new Event("input", { bubbles: true })));
  await ada.says("still here");
  await server.getsText("still here");
  await ada.isConnected();
});

// Two tabs have different names. When they connect again, neither changes the name that the next
// tab begins with.
scenario("only the form changes the name for the next tab", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.evaluates(() => localStorage.setItem("name", "bob")); // as the other tab does
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
  await ada.waitFor(() => localStorage.getItem("name") === "bob");
});

// The form keeps the name, and says what the page does. A second Enter is no second
// connection.
scenario("a name given while the server is away is enough", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.newcomer();
  ada.expects("/ws"); // attempts that fail
  await room.stop();
  await ada.types("ada");
  await ada.presses("Enter");
  await ada.waitFor(() => document.getElementById("join-status").innerText.startsWith("No connection: the server does not answer. Next attempt in "));
  await ada.isOn("#name");
  await ada.waitFor(() => document.getElementById("name").value === "ada");
  await ada.fits();
  await ada.passesAxe();
  await ada.presses("Enter");

  await room.start();
  await ada.isConnected();
  await ada.says("once");
  await ada.sees("ada: once");
  await ada.says("only");
  await ada.sees("ada: once", "ada: only");
  await ada.shows(2); // none of them twice
});

scenario("a name can be changed while the page waits for the server", async ({ openStage }) => {
  const stage = await openStage();
  const ada = await stage.newcomer();
  await ada.types("adda");
  await ada.presses("Enter");
  let server = await stage.comes("adda");
  await ada.presses("Backspace"); // the page does not join under half a name
  await server.isLeft();
  await stage.nobodyComes();
  await ada.reads("#status", "Not connected");
  await ada.reads("#join-status", "");
  await ada.replaces("#name", "ada");
  await ada.presses("Enter");
  server = await stage.comes("ada");
  await ada.isOn("#name"); // until the welcome
  server.welcomes("ada");
  await isCalled(ada, "ada");
  await ada.isOn("#text");
});

scenario("a name can be changed", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openRoom }) => {
  const room = await openRoom();
  const bob = await room.visitor("bob");
  const ada = await room.visitor("ada");
  await bob.knows("ada", "bob");
  assert.ok(await ada.page.$('aria/Change your name or leave[role="button"]'));
  await ada.evaluates(() => document.getElementById("change").focus());
  await ada.presses("Enter");
  assert.ok(await ada.page.$('aria/Your name[role="dialog"]'));
  await ada.fits();
  await ada.passesAxe();
  await ada.presses("Escape"); // nothing has changed
  await ada.isOn("#change");
  await ada.presses("Enter");
  await ada.presses("Tab");
  await ada.presses("Tab");
  await ada.isOn("#you button:last-child");
  await ada.presses("Enter");
  await ada.isOn("#change");
  await isCalled(ada, "ada");

  await ada.presses("Enter");
  await ada.isOn("#you [value=change]");
  await ada.clicks("#you [value=change]");
  await ada.isOn("#name");
  await ada.waitFor(() => document.getElementById("name").value === "ada");
  await ada.reads("#status", "Not connected");
  await bob.knows("bob");
  await ada.replaces("#name", "Ada L.");
  await ada.presses("Enter");
  await isCalled(ada, "Ada L.");
  await ada.isOn("#text");
  await ada.types("me again");
  await ada.presses("Enter");
  await bob.sees("Ada L.: me again");
  await ada.opens();
  await isCalled(ada, "Ada L.");
});

scenario("after a change of name, other messages are the person's own", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  const messages = [chat(1, "ada", "hello bob"), chat(2, "bob", "hello ada"), chat(3, "cleo", "ada? bob?")];
  const shows = (...want) => ada.waitFor((want) => {
    const items = [...document.querySelectorAll("#messages li:has(span)")];
    const marks = (item) => [...item.querySelectorAll("mark")].map((mark) => mark.textContent);
    return JSON.stringify(items.map((item) => item.classList.contains("own") ? "own" : marks(item).join())) === JSON.stringify(want);
  }, want);
  server.sends(...messages);
  await shows("own", "ada", "ada");
  server = await changesTheName(stage, ada, "bob");
  server.welcomes("bob", ...messages);
  await isCalled(ada, "bob");
  await shows("bob", "own", "bob");
});

// A browser forgets the place in a list that it hides.
scenario("after a change of name, the newest message is in view", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.reader("ada", 60);
  server.sends(chat(61, "bob", "new"));
  await ada.isToldOfNew("1 new message");
  server = await changesTheName(stage, ada, "ada l.");
  server.welcomes("ada l.", chat(61, "bob", "new"));
  await isCalled(ada, "ada l.");
  await ada.isToldOfNew("");
  await ada.seesTheNewest();
});

// changesTheName returns the server's end of the new connection.
async function changesTheName(stage, person, name) {
  await person.clicks("#change");
  await person.clicks("#you [value=change]");
  await person.isOn("#name");
  await person.replaces("#name", name);
  await person.presses("Enter");
  return stage.comes(name);
}

scenario("a person can leave, and the page forgets everything", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.clicks("#change");
  await offersTo(ada, "Leave");
  await ada.presses("Escape");
  await ada.clicks("#text");
  await ada.types("half a sen");
  await ada.clicks("#change");
  await offersTo(ada, "Leave and drop unsent texts");
  await ada.presses("Escape");
  await ada.replaces("#text", "mine");
  await ada.presses("Enter");
  await server.getsText("mine");
  await ada.says("mine, too"); // does not follow when the first text goes
  await ada.clicks("#change");
  await offersTo(ada, "Leave and drop unsent texts");
  await ada.fits();
  await ada.presses("Escape");
  await ada.clicks("#text");
  await ada.types("half a sen");
  await ada.clicks("#change");
  await ada.presses("Tab");
  await ada.isOn("#you [value=leave]");
  await ada.presses("Enter");
  await server.isLeft();
  await ada.reads("#status", "Not connected");
  await ada.isOn("#name");
  await ada.waitFor(() => document.getElementById("name").value === "");

  await ada.opens();
  await ada.isOn("#name");
  await stage.nobodyComes();
  await ada.types("eve"); // somebody else at the same computer
  await ada.presses("Enter");
  server = await stage.comes("eve");
  server.welcomes("eve");
  await isCalled(ada, "eve");
  await server.getsNothing();
  await ada.waitsWith();
  await ada.hasWritten("");
});

async function offersTo(person, words) {
  await person.waitFor((words) => document.querySelector("#you [value=leave]").innerText === words, words);
}

// Without the server, too: a room may be full, or away.
scenario("a person can change the name, and leave, without a connection", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", 200);
  await ada.evaluates(() => document.getElementById("change").focus());
  server.hangsUp();
  await ada.isDisconnected();
  await ada.isOn("#change");
  await ada.presses("Enter");
  await ada.clicks("#you [value=change]");
  await ada.isOn("#name");
  await ada.waitFor(() => !document.getElementById("change").checkVisibility());
  await ada.replaces("#name", "eve");
  await ada.presses("Enter");
  server = await stage.comes("eve");
  server.welcomes("eve");
  await isCalled(ada, "eve");

  await ada.evaluates(() => document.getElementById("change").focus());
  await ada.presses("Enter");
  server.hangsUp();
  await ada.isDisconnected();
  await ada.presses("Escape");
  await ada.isOn("#change");
  await ada.presses("Enter");
  await ada.clicks("#you [value=leave]");
  await ada.isOn("#name");
  await ada.reads("#status", "Not connected");
  await stage.nobodyComes();
});

scenario("joining needs no mouse", { sizes: everySize }, async ({ openRoom }) => {
  const ada = await (await openRoom()).newcomer();
  await ada.types("ada");
  await ada.presses("Tab");
  await ada.isOn("#join button");
  await ada.presses("Shift+Tab");
  await ada.isOn("#name");
  await ada.presses("Tab");
  await ada.presses("Enter");
  await ada.isConnected();
  await ada.isOn("#text");
});

scenario("names of all scripts come first in the line", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const bob = await room.visitor("bob");
  const ada = await room.newcomer();
  for (const { name, text, side } of [
    { name: "Ada", text: "Hello, שלום!", side: "left" },
    { name: "ליאת", text: "שלום לכולם, Hello!", side: "right" },
    { name: "مريم", text: "مرحبا بالجميع 👋", side: "right" },
    { name: "👩‍💻 Ada", text: "👋 hello 👩‍👩‍👧‍👦", side: "left" },
    { name: "李 (Li)", text: "你好", side: "left" },
  ]) {
    await ada.evaluates(() => localStorage.clear());
    await ada.opens(); // to be asked for a name
    await ada.isOn("#name");
    await ada.joins(name);
    await isCalled(ada, name);
    await ada.says(text);
    await bob.sees(`${name}: ${text}`);
    await seesTheNameFirst(bob);
    await seesTheTextOnThe(bob, side);
  }
});

scenario("a name is not markup", async ({ openRoom }) => {
  const name = "<img src=nope onerror=alert(1)>";
  const room = await openRoom();
  const bob = await room.visitor("bob");
  const eve = await room.visitor(name);
  await isCalled(eve, name);
  await eve.says("hello");
  for (const person of [bob, eve]) {
    await person.sees(`${name}: hello`);
    await person.knows(name, "bob");
    await person.waitFor(() => document.querySelector("#status span *, #messages b *, #presence li *, img") === null);
  }
});

// isCalled waits until the page says that it is connected under this name.
async function isCalled(person, name) {
  await person.isConnected();
  await person.waitFor((name) => !document.getElementById("join").checkVisibility() &&
    document.getElementById("status").textContent === `Connected as ${name}`, name);
}

async function isInvalid(person, invalid) {
  await person.waitFor((invalid) => document.getElementById("name").ariaInvalid === String(invalid), invalid);
}

// isTold waits until an error stands right below a field, for the eye, and is
// the description of the field with this label, for a screen reader.
async function isTold(person, label, selector, words) {
  await person.waitFor((selector, words) => {
    const field = document.querySelector(selector);
    const error = field.parentElement.querySelector(".error");
    const gap = error.getBoundingClientRect().top - field.getBoundingClientRect().bottom;
    return error.innerText === words && gap >= 0 && gap < 20;
  }, selector, words);
  const field = await person.page.$(`aria/${label}[role="textbox"]`);
  assert.ok(field, `a screen reader finds no field ${label}`);
  const { id, descriptions } = await field.evaluate((field) => ({
    id: field.id,
    descriptions: field.getAttribute("aria-describedby")?.split(" ").map((id) => document.getElementById(id)?.textContent),
  }));
  assert.equal(`#${id}`, selector, `the field ${label} is another one`);
  assert.deepEqual(descriptions, [words], `a screen reader does not read out the error with the field ${label}`);
  if (person.browser.kind !== "chromium") return; // Firefox does not show its accessibility tree
  const { description } = await person.page.accessibility.snapshot({ root: field });
  assert.equal(description, words, `Chromium's accessibility tree has another description of the field ${label}`);
}

// seesTheNameFirst waits until the last message begins with the name, whatever
// the direction in which people read it.
async function seesTheNameFirst(person) {
  await person.waitFor(() => {
    const item = [...document.querySelectorAll("#messages li:has(span)")].at(-1);
    const edge = item.getBoundingClientRect().left;
    const [name, time] = ["b", "time"].map((part) => item.querySelector(part).getBoundingClientRect());
    return Math.abs(name.left - edge) < 1 && name.right < time.left && name.height < 40;
  });
}

// seesTheTextOnThe waits until the last text begins on that side.
async function seesTheTextOnThe(person, side) {
  await person.waitFor((side) => {
    const text = [...document.querySelectorAll("#messages li span")].at(-1);
    const range = document.createRange();
    range.selectNodeContents(text);
    return Math.abs(range.getBoundingClientRect()[side] - text.getBoundingClientRect()[side]) < 1;
  }, side);
}
