// The outbox: what a person has sent arrives once, whatever happens to the
// network, the page or the server.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const historySize = 50; // messages that the server sends with a welcome
const slow = 5; // seconds without an answer after which the page says so
const patience = 10; // seconds without an answer after which the page sends a text again
const hour = 60 * 60 * 1000; // milliseconds
const maxText = 2000; // characters
const shortWaits = 900; // milliseconds: a clock that stands still for these stands still for a retry, too

const sending = (...texts) => texts.map((text) => `${text}: sending …`);

// The whole way, with the real server.

scenario("eight texts in a row arrive in order over a slow network", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  room.network.delay(150); // milliseconds each way
  const texts = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
  for (const text of texts) { // much faster than the answers come
    await ada.types(text);
    await ada.presses("Enter");
  }
  for (const person of [ada, bob]) {
    await person.sees(...texts.map((text) => `ada: ${text}`));
    await person.shows(texts.length);
  }
  await ada.waitsWith();
});

scenario("three people talk while the server crashes, and everything arrives once", async ({ openRoom }) => {
  const rounds = 5;
  const room = await openRoom();
  const people = [];
  for (const name of ["ada", "bob", "cleo"]) people.push({ name, person: await room.visitor(name) });
  for (let round = 1; round <= rounds; round++) {
    for (const { person } of people) await person.says(`round ${round}`);
    if (round === 2) {
      for (const { person } of people) person.expects("/ws"); // attempts that fail
      await room.kill(); // right after Enter
    }
  }
  for (const { person } of people) await person.isDisconnected();
  await room.start();
  for (const { person } of people) {
    await person.waitsWith();
    await person.shows(rounds * people.length);
    for (const { name } of people) { // each one's texts are in order
      await person.waitFor((name, rounds) => {
        const shown = [...document.querySelectorAll("#messages li:has(span)")].filter((item) => item.querySelector("b").textContent === name);
        return shown.map((item) => item.querySelector("span").textContent).join() === rounds;
      }, name, Array.from({ length: rounds }, (_, n) => `round ${n + 1}`).join());
    }
  }
});

scenario("a reload loses and doubles nothing", async ({ openRoom }) => {
  const texts = ["one", "two", "three", "four", "five"];
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  room.network.delay(50); // milliseconds each way: the texts are under way
  for (const text of texts) await ada.says(text);
  await ada.opens();
  await ada.opens(); // again, before the first reload has sent everything
  for (const person of [ada, bob]) {
    await person.sees(...texts.map((text) => `ada: ${text}`));
    await person.shows(texts.length);
  }
  await ada.waitsWith();
  await ada.opens();
  await ada.isConnected();
  await ada.shows(texts.length);
  await ada.waitsWith();
});

scenario("a text whose answer is lost arrives once", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  await losesTheAnswer(room, ada, "hello");
  room.network.accept();
  for (const person of [ada, bob]) {
    await person.isConnected();
    await person.sees("ada: hello");
    await person.shows(1);
  }
  await ada.waitsWith();
  await ada.says("and on");
  await bob.sees("ada: hello", "ada: and on");
});

// Meanwhile so much was said that the history does not go back to the text. So the
// page has to send it again, and the server answers with the old message.
scenario("a text whose answer is lost for long arrives once", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await losesTheAnswer(room, ada, "hello");
  await room.chatter(historySize + 10);
  room.network.accept();
  await ada.isConnected();
  await ada.waitsWith();
  await ada.sees(`bob: ${historySize + 10}`);
  await ada.shows(historySize);
  await ada.scrollsTo(-1_000_000);
  await ada.shows(historySize + 11);
  await ada.waitFor(() => document.querySelector("#messages span").textContent === "hello");
});

// losesTheAnswer cuts the connection after the server has saved a text, and before
// anybody behind the network hears of it.
async function losesTheAnswer(room, person, text) {
  const cleo = await room.withoutBrowser("cleo");
  person.expects("/ws"); // attempts that fail
  room.network.loseAnswers();
  await person.says(text);
  await cleo.hears((element) => element.text === text);
  await cleo.leaves();
  await person.waitsWith(...sending(text));
  room.network.refuse();
  await person.isDisconnected();
}

// A browser copies the sessionStorage of a tab that is duplicated.
scenario("a duplicated tab sends nothing twice", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const twin = await room.visitor("ada");
  const bob = await room.visitor("bob");
  room.network.stall();
  for (const text of ["one", "two", "three"]) await ada.says(text);
  const stored = await ada.evaluates(() => ({ ...sessionStorage }));
  await twin.evaluates((stored) => Object.assign(sessionStorage, stored), stored);
  room.network.flow();
  await twin.opens();
  for (const person of [ada, twin, bob]) {
    await person.isConnected();
    await person.sees("ada: one", "ada: two", "ada: three");
    await person.shows(3);
    await person.waitsWith();
  }
});

scenario("a text that is refused can be edited", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  const long = "long ".repeat(maxText / 5 - 1) + "bell\u0007";
  const why = "a message may not contain control characters";
  await ada.says(long);
  await ada.waitsWith(`${long}: ${why}`);
  await ada.hears(why);
  await ada.says("short");
  await bob.sees("ada: short"); // it does not wait for the other one
  await bob.shows(1);
  await ada.waitsWith(`${long}: ${why}`);
  await ada.fits();

  await ada.types("more");
  await ada.chooses("Edit", long);
  await ada.waitsWith();
  await ada.hasWritten(`${long} more`);
  await ada.isOn("#text");
  await ada.replaces("#text", "shorter");
  await ada.presses("Enter");
  await bob.sees("ada: short", "ada: shorter");
  await ada.waitsWith();
});

scenario("a text is kept while the server is away", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  for (const person of [ada, bob]) person.expects("/ws"); // attempts that fail
  await room.stop();
  await ada.isDisconnected();
  await ada.says("one");
  await ada.types("   "); // nothing to read
  await ada.presses("Enter");
  await ada.replaces("#text", "two");
  await ada.clicks("#compose button");
  await ada.hasWritten("");
  await ada.waitsWith(...sending("one", "two"));
  await room.start();
  await bob.sees("ada: one", "ada: two");
  await ada.sees("ada: one", "ada: two");
  await ada.waitsWith();
});

// One step after the other, with a server that the test plays.

scenario("one text is in flight at a time", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const texts = ["one", "two", "three"];
  for (const text of texts) await ada.says(text);
  for (let n = 0; n < texts.length; n++) {
    await ada.waitsWith(...sending(...texts.slice(n)));
    const ref = await server.getsText(texts[n]);
    await server.getsNothing();
    await ada.waitFor((ref) => !document.documentElement.outerHTML.includes(ref), ref); // refs are not for people
    server.sends(chat(2 * n + 1, "bob", "in between"));
    await ada.sees("bob: in between");
    await server.getsNothing(); // that was no answer
    server.confirms(2 * n + 2, "ada", texts[n], ref);
    await ada.sees("bob: in between", `ada: ${texts[n]}`);
    await ada.waitFor((ref) => !document.documentElement.outerHTML.includes(ref), ref);
  }
  await ada.waitsWith();
});

scenario("a text waits below the messages, in the group of its writer", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const now = () => new Date().toISOString();
  server.sends(chat(1, "ada", "before", now()));
  await ada.sees("ada: before");
  await ada.says("<b>one</b>");
  await ada.says("two");
  await isInAGroup(ada, true, true);
  server.sends(chat(2, "bob", "in between", now()));
  await ada.sees("ada: before", "bob: in between");
  await isInAGroup(ada, false, true);
  await ada.waitFor(() => document.getElementById("outbox").getBoundingClientRect().top >=
    document.getElementById("messages").getBoundingClientRect().bottom - 0.5);
  await ada.fits();
  server.confirms(3, "ada", "<b>one</b>", await server.getsText("<b>one</b>"));
  await ada.waitsWith(...sending("two"));
  await ada.sees("bob: in between", "ada: <b>one</b>");
  await isInAGroup(ada, false); // the stage's messages have an old date
});

// isInAGroup waits until the texts in the outbox have their names hidden, or not.
async function isInAGroup(person, ...hidden) {
  await person.waitFor((hidden) => [...document.querySelectorAll("#outbox b")].map((name) =>
    getComputedStyle(name).clipPath !== "none").join() === hidden.join(), hidden);
}

scenario("a text that cannot be taken now is sent again later", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada", shortWaits);
  await ada.says("one");
  await ada.says("two");
  const ref = await server.getsText("one");
  for (const retry of [1, 3]) {
    server.sends({ kind: "error", text: "not now", ref, retry });
    await ada.waitsWith("one: not now", "two: sending …");
    await ada.hears("not now");
    await ada.fits();
    if (retry > 1) await ada.sleeps(retry - 1);
    await server.getsNothing();
    await ada.sleeps(1);
    assert.equal(await server.getsText("one"), ref);
    await ada.waitsWith(...sending("one", "two"));
  }
  server.confirms(1, "ada", "one", ref);
  const second = await server.getsText("two");
  assert.notEqual(second, ref);
  await ada.sleeps(3); // no wait is left over
  await server.getsNothing();
});

scenario("a text without an answer is sent again", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  const ref = await server.getsText("one");
  await ada.sleeps(slow - 1);
  await ada.waitsWith(...sending("one"));
  await ada.sleeps(1);
  await ada.waitsWith("one: no answer yet …");
  await ada.hears("no answer yet …");
  await ada.fits();
  for (let n = 0; n < 2; n++) {
    if (n > 0) await ada.sleeps(slow);
    await ada.waitsWith("one: no answer yet …");
    await ada.sleeps(patience - slow - 1);
    await server.getsNothing();
    await ada.sleeps(1);
    assert.equal(await server.getsText("one"), ref);
    await ada.waitsWith(...sending("one"));
  }
  for (let n = 0; n < 3; n++) server.confirms(1, "ada", "one", ref); // each one of them had an answer
  await ada.waitsWith();
  await ada.sees("ada: one");
  await ada.shows(1);
  await ada.sleeps(slow);
  await ada.sleeps(patience - slow);
  await server.getsNothing();

  await ada.says("two");
  await server.getsText("two");
  server.sends({ kind: "error", text: "too late", ref }); // a late answer is about no other text
  await server.getsNothing();
  await ada.waitsWith(...sending("two"));
});

scenario("a text is sent again after the history", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  await ada.says("two");
  const one = await server.getsText("one");
  server.hangsUp();
  server = await stage.comes("ada");
  server.sends({ kind: "welcome", name: "ada" });
  await ada.isConnected();
  await server.getsNothing(); // the history may have it
  server.sends({ kind: "history" }, chat(1, "bob", "hello"));
  assert.equal(await server.getsText("one"), one);
  server.hangsUp();

  // And now the history has it.
  server = await stage.comes("ada");
  server.welcomes("ada", chat(1, "bob", "hello"), { ...chat(2, "ada", "one"), ref: one });
  const two = await server.getsText("two");
  await ada.waitsWith(...sending("two"));
  await ada.sees("bob: hello", "ada: one");

  // The answer to a text that was sent again has an old id.
  server.confirms(2, "ada", "two", two);
  await ada.waitsWith();
  await ada.sees("bob: hello", "ada: one");
});

scenario("a text that is refused for good can be dropped", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  await ada.says("two");
  const first = await server.getsText("one");
  server.sends({ kind: "error", text: "never", ref: first });
  const second = await server.getsText("two");
  server.confirms(1, "ada", "two", second);
  await ada.sees("ada: two");
  await ada.waitsWith("one: never");

  // A reload does not send it again.
  await ada.opens();
  server = await stage.comes("ada");
  server.welcomes("ada", chat(1, "ada", "two"));
  await ada.sees("ada: two");
  await ada.waitsWith("one: never");
  await server.getsNothing();

  await ada.chooses("Edit", "one"); // what is sent again is another text
  await ada.hasWritten("one");
  await ada.presses("Enter");
  const again = await server.getsText("one");
  assert.notEqual(again, first);
  server.sends({ kind: "error", text: "never", ref: again });
  await ada.waitsWith("one: never");
  await ada.presses("Shift+Tab");
  await ada.presses("Enter"); // Drop is the last button before the box
  await ada.waitsWith();
  await ada.isOn("#text");
  await ada.opens();
  server = await stage.comes("ada");
  server.welcomes("ada", chat(1, "ada", "two"));
  await ada.sees("ada: two");
  await ada.waitsWith();
  await server.getsNothing();
});

scenario("a text from more than an hour ago waits for a click", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  await ada.says("two");
  const ref = await server.getsText("one");
  await reloadsAnHourLater(ada);
  server = await stage.comes("ada");
  server.welcomes("ada", chat(1, "bob", "hello"));
  await ada.sees("bob: hello");
  await ada.waitsWith("one: written more than an hour ago", "two: written more than an hour ago");
  await ada.fits();
  await server.getsNothing();

  await ada.says("three");
  const third = await server.getsText("three"); // later texts do not wait
  await ada.chooses("Send", "one");
  await ada.isOn("#text");
  await ada.waitsWith("two: written more than an hour ago", ...sending("three", "one"));
  await server.getsNothing();
  server.confirms(2, "ada", "three", third);
  assert.equal(await server.getsText("one"), ref);
  server.confirms(3, "ada", "one", ref);
  await ada.sees("ada: three", "ada: one");
  await ada.chooses("Drop", "two");
  await ada.waitsWith();
});

scenario("a text that was written under another name waits for a click", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  const ref = await server.getsText("one");
  await ada.evaluates(() => localStorage.setItem("name", "bob"));
  await ada.opens();
  server = await stage.comes("bob");
  server.welcomes("bob");
  await ada.waitsWith("one: written as \u2068ada\u2069");
  await server.getsNothing();
  await ada.chooses("Send", "one");
  assert.equal(await server.getsText("one"), ref);
  await ada.reads("#outbox b", "bob");
  server.hangsUp();
  server = await stage.comes("bob");
  server.welcomes("bob");
  assert.equal(await server.getsText("one"), ref); // nobody has to click twice
});

scenario("a text that waits for a click may have arrived", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("one");
  const ref = await server.getsText("one");
  await reloadsAnHourLater(ada);
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.waitsWith("one: written more than an hour ago");
  await ada.opens();
  server = await stage.comes("ada");
  await ada.waitsWith("one: written more than an hour ago");
  server.welcomes("ada", { ...chat(1, "ada", "one"), ref });
  await ada.sees("ada: one");
  await ada.waitsWith();
});

// A laptop sleeps over night, and nobody has closed the page.
scenario("an open page, too, asks before it sends a text from more than an hour ago", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("I am at your door");
  const ref = await server.getsText("I am at your door");
  await ada.evaluates(hourLater, hour);
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.waitsWith("I am at your door: written more than an hour ago");
  await server.getsNothing();
  await ada.chooses("Send", "I am at your door");
  assert.equal(await server.getsText("I am at your door"), ref);
});

// A server that cannot save says so every second.
scenario("a text is not repeated for more than an hour", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.says("hello");
  const ref = await server.getsText("hello");
  await ada.evaluates(hourLater, hour);
  server.sends({ kind: "error", text: "not saved yet", ref, retry: 0.001 });
  await ada.waitsWith("hello: written more than an hour ago");
  await server.getsNothing();
});

async function reloadsAnHourLater(person) {
  await person.beforeThePage(hourLater, hour);
  await person.opens();
}

// hourLater sets the page's clock.
const hourLater = (hour) => {
  const { Date } = window;
  window.Date = class extends Date {
    constructor(...given) {
      super(...(given.length > 0 ? given : [Date.now() + hour]));
    }

    static now() {
      return Date.now() + hour;
    }
  };
};

scenario("a text can be sent before the page is connected", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.opens(); // the page knows the name now
  await ada.isOn("#text");
  await ada.types("early");
  await ada.presses("Enter");
  server = await stage.comes("ada");
  await ada.waitsWith(...sending("early"));
  await server.getsNothing();
  server.welcomes("ada");
  server.confirms(1, "ada", "early", await server.getsText("early"));
  await ada.sees("ada: early");
});

scenario("after a long absence the text stays at the end of the new list", async ({ openStage }) => {
  const stage = await openStage();
  const missed = Array.from({ length: 80 }, (_, n) => chat(n + 2, "bob", String(n + 2)));
  stage.remembers(chat(1, "ada", "before"), ...missed);
  let { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "ada", "before"));
  await ada.sees("ada: before");
  server.hangsUp();
  await ada.isDisconnected();
  await ada.says("mine");
  server = await stage.comes("ada");
  server.welcomes("ada", ...missed.slice(-historySize));
  const ref = await server.getsText("mine");
  await ada.sees("bob: 80", "bob: 81");
  await ada.shows(historySize);
  await ada.waitsWith(...sending("mine"));
  await ada.waitFor(() => document.getElementById("outbox").getBoundingClientRect().top >=
    document.getElementById("messages").getBoundingClientRect().bottom - 0.5);
  await ada.scrollsTo(-1_000_000);
  await ada.shows(81); // there is no hole
  await ada.isToldOfNew("↓");
  server.confirms(82, "ada", "mine", ref);
  await ada.sees("bob: 81", "ada: mine");
  await ada.shows(82);
  await ada.waitsWith();
  await ada.isToldOfNew("↓"); // one's own text is no news
});

// A reader further up keeps the old list. What is new is not in it, and confirms anyway.
scenario("a text arrives while the reader keeps the old list", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.reader("ada", 60);
  await ada.says("mine");
  const ref = await server.getsText("mine");
  await ada.scrollsTo(-200);
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", ...Array.from({ length: historySize - 1 }, (_, n) => chat(n + 100, "bob", String(n + 100))), { ...chat(149, "ada", "mine"), ref });
  await ada.isToldOfNew("49 new messages");
  await ada.waitsWith();
  await server.getsNothing();
  await ada.clicks("#news");
  await ada.sees("bob: 148", "ada: mine");
  await ada.shows(historySize);
});

scenario("one's own text is not counted in the title", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.says("mine");
  const ref = await server.getsText("mine");
  await ada.hides();
  server.sends(chat(1, "bob", "hello"));
  server.confirms(2, "ada", "mine", ref);
  await ada.sees("bob: hello", "ada: mine");
  await ada.waitFor(() => document.title.startsWith("(1) "));
});

scenario("the page works without its storage", async ({ openStage }) => {
  const stage = await openStage();
  const blocked = () => {
    for (const storage of ["localStorage", "sessionStorage"]) {
      const real = Object.getOwnPropertyDescriptor(window, storage);
      Object.defineProperty(window, storage, { configurable: true, get: () => { throw new DOMException("blocked", "SecurityError"); } });
      window.addEventListener("unblock", () => Object.defineProperty(window, storage, real));
    }
  };
  const full = () => {
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
  };
  for (const trouble of [blocked, full]) {
    const ada = await stage.someone();
    await ada.beforeThePage(trouble);
    await ada.opens();
    await ada.isOn("#name");
    await ada.types("ada");
    await ada.presses("Enter");
    const server = await stage.comes("ada");
    server.welcomes("ada");
    await ada.says("hello");
    server.confirms(1, "ada", "hello", await server.getsText("hello"));
    await ada.sees("ada: hello");
    await ada.waitsWith();
    await ada.evaluates(() => { dispatchEvent(new Event("unblock")); }); // the next scenario needs it
  }
});

scenario("rubbish in the storage does no harm", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  const entry = { ref: "r", kind: "chat", name: "ada", text: "hello", at: new Date().toISOString() };
  for (const rubbish of [
    "", "{", "null", "7", `"text"`, "{}", "[null]", "[[]]",
    ...[{ ref: "<b>" }, { ref: undefined }, { ref: "r".repeat(65) }, { text: 7 }, { text: undefined }, { name: null }, { at: 7 }]
      .map((wrong) => JSON.stringify([{ ...entry, ...wrong }])),
  ]) {
    await ada.evaluates((rubbish) => sessionStorage.setItem("outbox", rubbish), rubbish);
    await ada.opens();
    server = await stage.comes("ada");
    server.welcomes("ada");
    await ada.isConnected();
    await ada.waitsWith();
    await server.getsNothing();
  }
  await ada.says("hello");
  server.confirms(1, "ada", "hello", await server.getsText("hello"));
  await ada.sees("ada: hello");
});

// Everyone can use it.

scenario("axe accepts texts that are sent, refused, and waiting for a click", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.says("under another name");
  await server.getsText("under another name");
  await ada.evaluates(() => localStorage.setItem("name", "bob"));
  await ada.opens();
  server = await stage.comes("bob");
  server.welcomes("bob", chat(1, "ada", "hello"));
  await ada.says("refused https://go.dev/");
  server.sends({ kind: "error", text: "never", ref: await server.getsText("refused https://go.dev/") });
  await ada.says("on its way");
  await ada.waitsWith("under another name: written as \u2068ada\u2069", "refused https://go.dev/: never", ...sending("on its way"));
  await ada.fits();
  await ada.passesAxe();
});

// It is read out when it enters the outbox, and not once more in the list.
scenario("a screen reader reads a text once", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.evaluates(() => {
    window.heard = [];
    new MutationObserver((changes) => {
      for (const item of changes.flatMap((change) => [...change.addedNodes])) {
        const words = item.tagName === "LI" && [...item.querySelectorAll("span, small")].map((part) => part.textContent).join(" ");
        if (words && item.closest("[aria-live]").ariaLive === "polite") window.heard.push(words);
      }
    }).observe(document.getElementById("log"), { childList: true, subtree: true });
  });
  await ada.waitFor(() => document.getElementById("log").ariaLive === "polite"); // the history is through
  await ada.says("hello");
  await ada.hears("hello");
  server.confirms(1, "ada", "hello", await server.getsText("hello"));
  await ada.sees("ada: hello");
  server.sends(chat(2, "bob", "Hello, everyone."));
  await ada.sees("ada: hello", "bob: Hello, everyone.");
  await ada.hears("Hello, everyone.");
  await ada.waitFor(() => window.heard.join("|") === "hello sending …|Hello, everyone.");
});
