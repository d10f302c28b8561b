// The list of messages: groups, days, and what is new.

import assert from "node:assert/strict";
import { announcement, chat } from "./lib/stage.js";
import { everySize, scenario } from "./lib/scenario.js";

const kolkata = "Asia/Kolkata"; // five and a half hours ahead of UTC, all year

scenario("messages in a row are grouped", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const lines = [
    { named: true, kind: "chat", name: "bob", at: "12:00:00" },
    { named: false, kind: "chat", name: "bob", at: "12:00:01" },
    { named: false, kind: "chat", name: "bob", at: "12:04:59" },
    { named: true, kind: "chat", name: "bob", at: "12:05:00" }, // five minutes after the first, although not after the one before
    { named: false, kind: "chat", name: "bob", at: "12:09:59" },
    { named: true, kind: "chat", name: "bob", at: "12:10:00" },
    { named: true, kind: "chat", name: "cleo", at: "12:10:01" },
    { named: true, kind: "chat", name: "bob", at: "12:10:02" },
    { named: true, kind: "announcement", name: "server", at: "12:10:03" },
    { named: false, kind: "announcement", name: "server", at: "12:10:04" },
    { named: true, kind: "chat", name: "server", at: "12:10:05" },
    { named: true, kind: "chat", name: "server", at: "11:00:00" }, // the server's clock was put back
  ];
  for (const [n, { named, kind, name, at }] of lines.entries()) {
    server.sends({ id: n + 1, kind, name, text: `line ${n}`, at: `2024-02-29T${at}Z` });
    await ada.sees(`${name}: line ${n}`);
    await showsTheName(ada, named);
  }
  await ada.fits();
});

scenario("many empty lines take no more room than two", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  for (const [i, [text, shown]] of [
    ["one\ntwo\n\nthree\n\n\nfour", "one\ntwo\n\nthree\n\n\nfour"], // up to two: as they are
    [`one${"\n".repeat(1990)}two`, "one\n\n\ntwo"],
    [`${"\n".repeat(4)}one${"\n".repeat(4)}two${"\n".repeat(4)}`, "\n\none\n\n\ntwo\n\n\n"],
    [`one\n${" \n\t\n\u00a0\n\u3000\n".repeat(200)}  two`, "one\n\n\n  two"], // lines with spaces
    [`https://go.dev/a${"\n".repeat(9)}https://go.dev/b`, "https://go.dev/a\n\n\nhttps://go.dev/b"],
  ].entries()) {
    server.sends(chat(i + 1, "bob", text));
    await ada.sees(`bob: ${shown}`);
  }
  await ada.waitFor(() => [...document.querySelectorAll("#messages a")].map((link) => link.textContent).join() ===
    "https://go.dev/a,https://go.dev/b");
  await ada.fits();
});

scenario("a screen reader reads the name with each message of a group", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "bob", "one"), chat(2, "bob", "two"));
  await ada.sees("bob: one", "bob: two");
  await showsTheName(ada, false);
  // Screen readers skip elements that have no place on the page or are hidden from them.
  await ada.waitFor(() => [...document.querySelectorAll("#messages .chat b")].filter((name) =>
    name.checkVisibility({ visibilityProperty: true }) && name.getClientRects().length > 0 && !name.closest("[aria-hidden=true], [inert]")).length === 2);
  if (ada.browser.kind === "chromium") { // Firefox does not show its accessibility tree
    const count = (node) => (node.role === "StaticText" && node.name === "bob") + (node.children ?? []).reduce((sum, child) => sum + count(child), 0);
    const names = count(await ada.page.accessibility.snapshot({ interestingOnly: false }));
    assert.equal(names, 2, `a screen reader finds bob ${names} times`);
  }
  await ada.passesAxe();
});

scenario("an announcement is marked", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "bob", "hello", "2024-02-29T12:00:00.123Z"));
  server.sends(announcement(2, "be <b>kind</b>", "2024-02-29T12:00:01.123Z"));
  await ada.sees("bob: hello", "server: be <b>kind</b>");
  await ada.waitFor(() => document.getElementById("log").ariaLive === "polite"); // the history is through
  await ada.hears("be <b>kind</b>");
  await ada.waitFor(() => [...document.querySelectorAll("#messages li:has(span)")].map((item) => getComputedStyle(item).borderLeftStyle).join() ===
    "none,solid");
  await ada.fits();
});

scenario("own messages can be told from others'", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "bob", "hello"), chat(2, "ada", "hello bob"), chat(3, "ada", "https://go.dev/"), chat(4, "Ada", "I am another one"));
  await ada.shows(4);
  await ada.says("on its way");
  await ada.waitsWith("on its way: sending …");
  const places = await ada.evaluates(() => [...document.querySelectorAll("#log li:has(span)")].map((item) =>
    `${Math.round(item.getBoundingClientRect().left)} ${getComputedStyle(item).backgroundColor}`));
  const [bob, own, more, another, outbox] = places;
  assert.equal(another, bob);
  assert.equal(more, own);
  assert.equal(outbox, own); // nothing moves when the server confirms it
  assert.notEqual(parseInt(own), parseInt(bob), "only a colour tells own messages from others'");
  assert.notEqual(own.split(" ").slice(1).join(), bob.split(" ").slice(1).join());
  await ada.fits();
  await ada.passesAxe();
});

scenario("the reader's own name is marked", { schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  for (const [name, ...examples] of [
    ["ada", ["ada, are you there?", "ada"], ["I ask @Ada and ADA's friend", "@Ada", "ADA"], ["adam, cañada, adá, ada\u0301, ada_1, bob@ada.example"],
      ["(ada)", "ada"], ["https://ada.example/ada and ada", "ada"]],
    ["O.(ö)", ["o.(Ö)! o.(ö)x", "o.(Ö)"], ["Ox(ö)"]],
    ["👍", ["👍👍 fine", "👍", "👍"]],
  ]) {
    const { person, server } = await stage.visitor(name);
    for (const [i, [text, ...marked]] of examples.entries()) {
      server.sends(chat(i + 1, "bob", text));
      await person.sees(`bob: ${text}`);
      await person.waitFor((marked) => JSON.stringify([...document.querySelectorAll("#messages li:last-child mark")].map((mark) => mark.textContent)) ===
        JSON.stringify(marked), marked);
    }
    await person.passesAxe();
    server.sends(chat(100, name, `${name} speaks`));
    await person.sees(`${name}: ${name} speaks`);
    await person.waitFor(() => document.querySelector("#messages li:last-child mark") === null);
    await person.evaluates(() => localStorage.clear());
  }
});

// The first letters decide the direction of a text, also when they are marked.
scenario("a text that begins with the reader's name has the same direction as for others", async ({ openStage }) => {
  const stage = await openStage();
  const { person: liat, server } = await stage.visitor("ליאת");
  server.sends(chat(1, "bob", "ליאת, hello"));
  await liat.waitFor(() => document.querySelector("#messages mark")?.textContent === "ליאת");
  await liat.waitFor(() => getComputedStyle(document.querySelector("#messages span")).direction === "rtl");
});

// The reader's time zone decides when a day begins: in Kolkata at 18:30 UTC.
scenario("days are told apart", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.livesIn(kolkata);
  server.sends(...[
    "2023-12-31T12:00:00Z",
    "2023-12-31T18:29:59Z",
    "2023-12-31T18:30:00Z",
    "2023-12-31T18:30:01Z",
    "2024-02-29T00:00:00Z",
  ].map((at, n) => chat(n + 1, "bob", at, at)));
  await ada.shows(5);
  await hasLines(ada,
    "2023-12-31", "bob 17:30", "bob 23:59",
    "2024-01-01", "bob 00:00", "(bob 00:00)",
    "2024-02-29", "bob 05:30");
  await ada.fits();
});

scenario("messages of today have no line for the day", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const now = new Date();
  const behind = now.getUTCHours() - 12;
  const zone = behind === 0 ? "UTC" : `Etc/GMT${behind < 0 ? "" : "+"}${behind}`;
  await ada.livesIn(zone); // where it is noon now: around midnight there would be two days
  server.sends(chat(1, "bob", "hello", now.toISOString()));
  await ada.sees("bob: hello");
  await ada.waitFor(() => document.querySelector(".day") === null);
});

scenario("the pointer tells the full time", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.livesIn(kolkata);
  server.sends(chat(1, "bob", "one"), chat(2, "bob", "two"));
  await ada.sees("bob: one", "bob: two");
  // A browser shows the title of the element under the pointer, or of the nearest one around it.
  for (const [item, part] of ["time", "span"].entries()) {
    await ada.waitFor((item, part) => {
      const box = document.querySelectorAll(`#messages .chat ${part}`)[item].getBoundingClientRect();
      const pointedAt = document.elementFromPoint(box.x + 1, box.y + box.height / 2);
      const full = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium", timeZone: "UTC" });
      return pointedAt.closest("[title]")?.title === full.format(new Date("2024-02-29T17:30:00Z"));
    }, item, part);
  }
});

scenario("the reader is told what is new", { sizes: everySize }, async ({ openStage, size }) => {
  const messages = 60;
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.isToldOfNew("");
  server.sends(...Array.from({ length: messages }, (_, n) => chat(n + 1, "bob", "message")));
  await ada.shows(messages);
  await ada.isToldOfNew(""); // a reader at the end sees everything

  await ada.scrollsTo(-200);
  await ada.isToldOfNew("↓");
  await ada.fits();
  await ada.passesAxe();
  server.sends(chat(messages + 1, "bob", "new"));
  await ada.isToldOfNew("1 new message");
  server.sends(chat(messages + 1, "bob", "the same again"));
  server.sends(chat(messages + 2, "bob", "newer"));
  server.sends(chat(messages + 3, "bob", "newest"));
  await ada.isToldOfNew("3 new messages");
  await ada.fits();
  await ada.resizes({ width: 1000, height: 300 });
  await ada.fits();
  await ada.clicks("#news");
  await ada.seesTheNewest();
  await ada.isToldOfNew("");
  await ada.resizes(size);

  // The end can be reached without the button, too.
  const ways = [
    async () => {
      await ada.presses("Shift+Tab");
      await ada.presses("Shift+Tab");
      await ada.isOn("#log");
      await ada.presses("End");
    },
    () => ada.scrollsTo(0),
    () => ada.says("here I am"),
    () => ada.resizes({ ...size, height: 3000 }),
  ];
  for (const [n, reachTheEnd] of ways.entries()) {
    await ada.clicks("#text");
    await ada.scrollsTo(-200);
    server.sends(chat(messages + 4 + n, "bob", "one more"));
    await ada.isToldOfNew("1 new message");
    await reachTheEnd();
    await ada.isToldOfNew("");
  }
});

scenario("a button leads to the end", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada } = await stage.reader("ada", 60);
  await ada.isToldOfNew("↓");
  await ada.waitFor(() => document.getElementById("news").ariaLabel === "To the newest message"); // an arrow is no name
  await ada.clicks("#news");
  await ada.seesTheNewest();
  await ada.isToldOfNew("");
  await ada.scrollsTo(-200);
  await ada.isToldOfNew("↓");
  await ada.scrollsTo(0);
  await ada.isToldOfNew("");
});

scenario("a line shows where the new messages begin", { schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "bob", "one"));
  await showsTheNew(ada, "one");
  await ada.hides();
  server.sends({ kind: "here", names: ["ada"], count: 1 });
  server.sends(chat(2, "bob", "two"), chat(3, "bob", "three"));
  await ada.sees("bob: one", "bob: two", "bob: three");
  await ada.showsAgain();
  await showsTheNew(ada, "one", "new", "two", "three");
  await ada.waitFor(() => document.querySelectorAll("#messages .again").length === 1); // the line begins a group
  server.sends(chat(4, "bob", "four"));
  await showsTheNew(ada, "one", "new", "two", "three", "four");
  await ada.passesAxe();

  await ada.hides();
  await showsTheNew(ada, "one", "two", "three", "four");
  await ada.waitFor(() => document.querySelectorAll("#messages .again").length === 3);
  await ada.showsAgain();
  await showsTheNew(ada, "one", "two", "three", "four"); // nothing came
  await ada.hides();
  server.sends(chat(5, "bob", "five"));
  await ada.sees("bob: five");
  await ada.showsAgain();
  await showsTheNew(ada, "one", "two", "three", "four", "new", "five");
});

// showsTheNew waits until these are all the messages, and the line.
async function showsTheNew(person, ...want) {
  await person.waitFor((want) => {
    const lines = [...document.querySelectorAll("#messages li:not(.day)")].map((item) => (item.querySelector("span") ?? item).textContent);
    return JSON.stringify(lines) === JSON.stringify(want);
  }, want);
}

scenario("keys typed in the log go into the box, and pages turned in the box turn the log", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(...Array.from({ length: 60 }, (_, n) => chat(n + 1, "bob", "message")));
  await ada.shows(60);
  await ada.isOn("#text");
  await ada.presses("PageUp");
  await ada.waitFor(() => document.getElementById("log").scrollTop < -100);
  await ada.presses("PageDown");
  await ada.waitFor(() => document.getElementById("log").scrollTop === 0);
  await ada.isOn("#text");

  for (const [key, focus] of [["Home", "#log"], [" ", "#log"], ["Control+c", "#log"], ["ArrowUp", "#log"], ["h", "#text"]]) {
    await ada.evaluates(() => document.getElementById("log").focus());
    await ada.presses(key);
    await ada.isOn(focus);
  }
  await ada.types("ello");
  await ada.hasWritten("hello");

  // What the test's keyboard does not have: AltGr on Windows, and a list of words to
  // choose from, in which pages can be turned.
  const hits = (selector, event) => ada.evaluates((selector, event) => {
    const element = document.querySelector(selector);
    element.focus();
    element.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...event }));
  }, selector, event);
  await hits("#log", { key: "@", ctrlKey: true, altKey: true });
  await ada.isOn("#log");
  await hits("#log", { key: "@", ctrlKey: true, altKey: true, modifierAltGraph: true });
  await ada.isOn("#text");
  const turned = () => document.getElementById("log").scrollTop < 0;
  await ada.scrollsTo(0);
  await hits("#text", { key: "PageUp", isComposing: true });
  assert.ok(!await ada.evaluates(turned), "a key that is for the list of words turns the log");
  await hits("#text", { key: "PageUp" });
  assert.ok(await ada.evaluates(turned));
});

scenario("the button for new messages leaves the focus to the log", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.reader("ada", 60);
  server.sends(chat(61, "bob", "new"));
  await ada.isToldOfNew("1 new message");
  await ada.isOn("#text"); // the button does not take it
  await ada.presses("Shift+Tab");
  await ada.isOn("#news");
  await ada.presses("Enter");
  await ada.seesTheNewest();
  await ada.isToldOfNew("");
  await ada.isOn("#log");
  await ada.presses("Home");
  await ada.seesTheOldest();
});

scenario("new messages do not move the text that someone reads", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.reader("ada", 60);
  const place = () => document.getElementById("messages").children[40].getBoundingClientRect().top;
  const before = await ada.evaluates(place);
  server.sends(chat(61, "cleo", "a text of several lines\n\n\nlike this"));
  server.sends(chat(62, "bob", "and one more"));
  await ada.isToldOfNew("2 new messages");
  const after = await ada.evaluates(place);
  // Heights have fractions, and the log scrolls by whole pixels.
  assert.ok(Math.abs(before - after) < 1, `the text moves from ${before} to ${after}`);
});

// showsTheName waits until the name over the last message is visible, or is not.
// The pointer does not reach an element that is clipped away.
async function showsTheName(person, visible) {
  await person.waitFor((visible) => {
    const name = document.querySelector("#messages li:last-child b");
    const box = name.getBoundingClientRect();
    return (document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === name) === visible;
  }, visible);
}

// hasLines waits until the list has exactly these lines: days, and the name and
// the time of each message, in brackets where they are invisible. The page shows
// days and times in the format of its language.
async function hasLines(person, ...want) {
  await person.waitFor((want) => {
    const day = new Intl.DateTimeFormat([], { dateStyle: "full", timeZone: "UTC" });
    const time = new Intl.DateTimeFormat([], { timeStyle: "short", timeZone: "UTC" });
    const wanted = want.map((line) => /^\d/.test(line) ? day.format(new Date(line)) :
      line.replace(/\d\d:\d\d/, (clock) => time.format(new Date(`2024-01-01T${clock}Z`))));
    const lines = [...document.getElementById("messages").children].map((item) => {
      if (!item.querySelector("span")) return item.textContent;
      const words = item.querySelector("b").textContent + " " + item.querySelector("time").textContent;
      return item.classList.contains("again") ? `(${words})` : words;
    });
    return JSON.stringify(lines) === JSON.stringify(wanted);
  }, want);
}
