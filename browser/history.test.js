// The history: what is on the page after a reload and after a disconnect, and
// older messages.

import assert from "node:assert/strict";
import { patience, within } from "./lib/patience.js";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const historySize = 50; // messages in the first frame, and in each step back
const most = 500; // messages in the document, for someone at the end
const mark = "new since you were away";

scenario("the history is there after a reload", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.says("first");
  await ada.says("second");
  await ada.sees("ada: first", "ada: second");
  await ada.opens();
  await ada.isConnected();
  await ada.sees("ada: first", "ada: second");
  await ada.shows(2);
});

scenario("the page comes back by itself", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.says("before");
  await ada.sees("ada: before");
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");

  await whileAway(room, ada, () => room.chatter(2));
  await ada.sees("ada: before", "bob: 1", "bob: 2");
  await ada.shows(3);
  await ada.isOn("#log"); // nobody has pressed a key: the focus stays
});

scenario("a short absence leaves no mark", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await missesMessages(room, historySize - 1);
  await ada.shows(historySize);
  await ada.waitFor((mark) => !document.getElementById("messages").textContent.includes(mark), mark);
});

// The server sends only the end of what ada missed. The page does not put it below
// what she had seen, where a hole would stay, but begins a new list with it.
scenario("after a long absence the list starts anew, and has no hole", { sizes: everySize }, async ({ openRoom }) => {
  const missed = historySize + 30;
  const room = await openRoom();
  const ada = await missesMessages(room, missed);
  await showsNumbers(ada, historySize, missed);
  await ada.seesTheNewest();
  await ada.waitFor((mark) => !document.getElementById("messages").textContent.includes(mark), mark);

  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  await goesToTheTop(ada);
  await ada.shows(missed + 1);
  await ada.waitFor((mark, missed) => {
    const texts = [...document.querySelectorAll("#messages li")].map((item) => (item.querySelector("span") ?? item).textContent);
    return JSON.stringify(texts) === JSON.stringify(["before", mark, ...Array.from({ length: missed }, (_, n) => String(n + 1))]);
  }, mark, missed);
  await ada.fits();
});

// missesMessages returns a person who said something before so many messages.
async function missesMessages(room, messages) {
  const ada = await room.visitor("ada");
  await ada.says("before");
  await ada.sees("ada: before");
  await whileAway(room, ada, () => room.chatter(messages));
  await ada.sees(`bob: ${messages}`);
  return ada;
}

scenario("a reader further up keeps the old list until the button is pressed", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.reader("ada", 60);
  const place = () => document.getElementById("messages").children[40].getBoundingClientRect().top;
  const before = await ada.evaluates(place);
  server.sends(chat(61, "bob", "unseen"));
  await ada.isToldOfNew("1 new message");
  server.hangsUp();

  server = await stage.comes("ada");
  server.welcomes("ada", ...messages(100, historySize));
  await ada.isToldOfNew("51 new messages");
  server.sends(chat(150, "cleo", "and one more"));
  await ada.isToldOfNew("52 new messages");
  await ada.sees("bob: unseen");
  const after = await ada.evaluates(place);
  assert.ok(Math.abs(before - after) < 1, `the text moves from ${before} to ${after}`);

  await ada.clicks("#news");
  await ada.sees("bob: 149", "cleo: and one more");
  await ada.shows(historySize + 1);
  await ada.seesTheNewest();
  await ada.isToldOfNew("");
  server.sends(chat(151, "bob", "live"));
  await ada.sees("cleo: and one more", "bob: live");
  await ada.shows(historySize + 2);
});

scenario("a reader who comes to the end, or says something, gets the new list", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.reader("ada", 60);
  for (const [n, reachTheEnd] of [() => ada.scrollsTo(0), () => ada.says("hello?")].entries()) {
    await ada.scrollsTo(-200);
    server.hangsUp();
    server = await stage.comes("ada");
    server.welcomes("ada", ...messages(100 + 100 * n, historySize));
    await ada.isToldOfNew("50 new messages");
    await reachTheEnd();
    await showsNumbers(ada, historySize, 149 + 100 * n);
    await ada.isToldOfNew("");
  }
});

// What a reader further up has not seen is nothing that they have seen last.
scenario("the mark stands where the reader had been before two absences", async ({ openStage }) => {
  const stage = await openStage();
  stage.remembers(...messages(1, 400));
  let { person: ada, server } = await stage.reader("ada", 60);
  for (const newest of [200, 400]) {
    server.hangsUp();
    server = await stage.comes("ada");
    server.welcomes("ada", ...messages(newest - 49, historySize));
    await ada.waitFor((words) => document.getElementById("news").textContent === words, `${newest / 4} new messages`);
  }
  await ada.clicks("#news");
  await showsNumbers(ada, historySize, 400);
  for (let count = 2 * historySize; count <= 400; count += historySize) {
    await ada.scrollsTo(-1_000_000);
    await showsNumbers(ada, count, 400);
  }
  await ada.waitFor((mark) => {
    const marks = [...document.querySelectorAll("#messages .note")];
    return marks.length === 1 && marks[0].textContent === mark && marks[0].nextElementSibling.textContent.endsWith("61") &&
      !marks[0].nextElementSibling.classList.contains("again"); // the mark ends a group
  }, mark);
});

// The answer belongs to a list that is no longer there.
scenario("older messages that come too late are not put into a new list", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  let late;
  stage.history = (request, response) => {
    const before = Number(new URL(request.url, stage.origin).searchParams.get("before"));
    if (before === 61) late = response;
    else response.end(JSON.stringify(before > 100 ? messages(before - 50, 50) : []));
  };
  server.sends(...messages(61, historySize));
  await ada.shows(historySize);
  await ada.scrollsTo(-1_000_000);
  while (!late) await new Promise((resolve) => setTimeout(resolve, 10));
  await ada.scrollsTo(0);
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", ...messages(251, historySize));
  await showsNumbers(ada, historySize, 300);
  late.end(JSON.stringify(messages(11, 50)));
  await ada.scrollsTo(-1_000_000); // the new list does not wait for that answer
  await showsNumbers(ada, 2 * historySize, 300);
});

// messages are so many numbers, by bob.
function messages(first, count) {
  return Array.from({ length: count }, (_, n) => chat(first + n, "bob", String(first + n)));
}

scenario("the history is not read out", async ({ openRoom }) => {
  const room = await openRoom();
  await room.chatter(3);
  const ada = await room.someone();
  await ada.beforeThePage(notesWhatIsLive);
  await ada.opens();
  await ada.isOn("#name");
  await ada.joins("ada");
  await ada.sees("bob: 1", "bob: 2", "bob: 3");
  await ada.waitFor(() => document.getElementById("log").getAttribute("aria-live") === "polite");
  const bob = await room.withoutBrowser("bob");
  await bob.says("later");
  await ada.sees("bob: later");
  await hasAdded(ada, "1 off", "2 off", "3 off", "later polite");
  await ada.hears("later");
});

// The second silence begins before the first one ends.
scenario("two histories in a row are not read out", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", 1000);
  const live = () => ada.evaluates(() => document.getElementById("log").ariaLive);
  await ada.waitFor(() => document.getElementById("log").ariaLive === "off");
  await ada.sleeps(0.9);
  server.hangsUp();
  server = await stage.comes("ada"); // in less than a second
  server.welcomes("ada", chat(1, "bob", "one"));
  await ada.sees("bob: one");
  await ada.sleeps(0.9);
  assert.equal(await live(), "off");
  await ada.sleeps(0.1);
  assert.equal(await live(), "polite");
});

scenario("times are local", async ({ openRoom }) => {
  const zone = "Asia/Kolkata"; // half an hour off: no machine is in this zone by chance
  const room = await openRoom();
  await room.chatter(1);
  const at = await timeOfTheFirst(room);
  const ada = await room.newcomer();
  await ada.livesIn(zone);
  await ada.joins("ada");
  await ada.sees("bob: 1");
  await ada.waitFor((at, timeZone) => {
    const time = document.querySelector("#messages time");
    return time.dateTime === at && time.textContent === new Date(at).toLocaleTimeString([], { timeStyle: "short", timeZone });
  }, at, zone);
});

scenario("times are in the language of the browser", {
  skip: { firefox: "puppeteer has no command for the language of a window" },
}, async ({ openRoom }) => {
  const room = await openRoom();
  await room.chatter(1);
  const at = await timeOfTheFirst(room);
  const ada = await room.newcomer();
  await ada.livesIn("Asia/Kolkata");
  const devTools = await ada.page.createCDPSession();
  try {
    await devTools.send("Emulation.setLocaleOverride", { locale: "de-DE" });
    await ada.joins("ada");
    await ada.sees("bob: 1");
    const later = Date.parse(at) + 5.5 * 60 * 60 * 1000;
    await ada.reads("#messages time", new Date(later).toISOString().slice(11, 16)); // 24 hours, two digits each
  } finally {
    await devTools.detach(); // and the override ends
  }
});

async function timeOfTheFirst(room) {
  const eve = await room.withoutBrowser("eve");
  const { at } = await eve.hears(({ kind }) => kind === "chat");
  return at;
}

scenario("scrolling up loads older messages", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  await room.chatter(2 * historySize + 20);
  const ada = await room.visitor("ada");
  await showsNumbers(ada, historySize, 2 * historySize + 20);
  await ada.waitFor(() => document.getElementById("log").scrollTop === 0); // the newest is in view

  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  for (const loaded of [2 * historySize, 2 * historySize + 20]) {
    room.network.stall(); // until we know where the text is that ada reads
    await goesToTheTop(ada);
    const before = await ada.evaluates(() => {
      window.reading = document.querySelectorAll("#messages span")[1];
      return window.reading.getBoundingClientRect().top;
    });
    room.network.flow();
    await showsNumbers(ada, loaded, 2 * historySize + 20);
    const after = await ada.evaluates(() => window.reading.getBoundingClientRect().top);
    assert.ok(Math.abs(after - before) <= 3, `what ada reads has moved by ${after - before} pixels`);
  }

  // Those were all messages: the third answer is empty. Ada, further up, is left alone,
  // and her page asks no more.
  await goesToTheTop(ada);
  const asked = () => ada.requests.filter((address) => new URL(address).pathname === "/history");
  await within(patience, "the page does not ask whether there is more", async () => {
    while (asked().length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  const bob = await room.withoutBrowser("bob");
  await bob.says("live");
  await ada.sees(`bob: ${2 * historySize + 20}`, "bob: live");
  await ada.waitFor(() => !document.getElementById("news").hidden);
  assert.equal(asked().length, 3, `the page asked for ${asked()}`);
});

// Where fifty messages do not fill the log, there is nothing to scroll.
scenario("a high screen is filled", async ({ openRoom }) => {
  const room = await openRoom();
  await room.chatter(2 * historySize + 20);
  const ada = await room.newcomer();
  await ada.resizes({ width: 1000, height: 2500 });
  await ada.joins("ada");
  await showsNumbers(ada, 2 * historySize, 2 * historySize + 20);
  await ada.waitFor(() => {
    const log = document.getElementById("log");
    return log.scrollHeight > log.clientHeight && log.scrollTop > -40;
  });
});

// Thousands of messages in the document would make each new one slow.
scenario("after many messages the newest are on the page, and the others load again", async ({ openStage }) => {
  const stage = await openStage();
  stage.remembers(...messages(1, 1000));
  const { person: ada, server } = await stage.visitor("ada");
  server.sends({ kind: "here", names: ["ada"], count: 1 });
  server.sends(...messages(1, 300));
  server.sends({ kind: "here", names: ["ada", "bob"], count: 2 });
  await ada.waitFor(() => document.querySelector(".note"));
  server.sends(...messages(301, 700));
  await showsNumbers(ada, most, 1000);
  await beginsWith(ada, "day", "chat 501", "chat again 502"); // the line about bob went, too
  await ada.seesTheNewest();

  await ada.scrollsTo(-1_000_000);
  await showsNumbers(ada, most + historySize, 1000);
  const place = () => document.getElementById("messages").children[40].getBoundingClientRect().top;
  const before = await ada.evaluates(place);
  server.sends(chat(1001, "bob", "1001"));
  await showsNumbers(ada, most + historySize + 1, 1001); // nothing goes away from a reader
  const after = await ada.evaluates(place);
  assert.ok(Math.abs(before - after) < 1, `the text moves from ${before} to ${after}`);

  for (let visits = 0; visits < 2; visits++) {
    await ada.scrollsTo(0);
    await showsNumbers(ada, most, 1001);
    await ada.scrollsTo(-1_000_000);
    await showsNumbers(ada, most + historySize, 1001);
  }
});

scenario("a reader further up gets so many messages, and the newest at the end", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  server.sends(...messages(1, 100));
  await showsNumbers(ada, 100, 100);
  await ada.scrollsTo(-200);
  server.sends(...messages(101, 900));
  await ada.isToldOfNew("900 new messages");
  await showsNumbers(ada, 100 + most, 100 + most);
  await ada.clicks("#news");
  await showsNumbers(ada, most, 1000);
  await ada.seesTheNewest();
  await ada.scrollsTo(-200);
  server.sends(...messages(1001, 501)); // one more than the page takes
  await ada.isToldOfNew("501 new messages");
  await ada.clicks("#news");
  await showsNumbers(ada, most, 1501);
  await ada.scrollsTo(-200);
  server.sends(...messages(1502, 1700)); // of those that wait, the page keeps only the newest
  await ada.isToldOfNew("1700 new messages");
  await ada.clicks("#news");
  await showsNumbers(ada, most, 3201);

  // Also after an absence, when the list starts anew.
  await ada.scrollsTo(-200);
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", ...messages(4001, historySize));
  await ada.isToldOfNew("50 new messages");
  server.sends(...messages(4051, 700));
  await ada.isToldOfNew("750 new messages");
  await ada.clicks("#news");
  await showsNumbers(ada, most, 4750);
});

// Days and groups go on across the seam of two steps as if there were none.
scenario("there is no seam among older messages", async ({ openStage }) => {
  const stage = await openStage();
  const asked = [];
  stage.history = (request, response) => {
    asked.push(new URL(request.url, stage.origin).searchParams.get("before"));
    response.end(JSON.stringify(asked.length > 1 ? [] : [
      chat(97, "bob", "the day before", "2024-02-25T12:00:00Z"),
      chat(98, "cleo", "hello", "2024-02-26T13:38:00Z"),
      chat(99, "bob", "older", "2024-02-26T13:39:00Z"),
    ]));
  };
  const { person: ada, server } = await stage.visitor("ada");
  await ada.resizes({ width: 1000, height: 300 });
  for (let n = 0; n < 20; n++) server.sends(chat(100 + n, "bob", String(n), "2024-02-26T13:40:00Z"));
  await ada.sees("bob: 18", "bob: 19");
  await beginsWith(ada, "day", "chat 0");

  await ada.evaluates(notesWhatIsLive);
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  await ada.presses("Home");
  await beginsWith(ada, "day", "chat the day before", "day", "chat hello", "chat older", "chat again 0", "chat again 1");
  await hasAdded(ada, "the day before off", "hello off", "older off", "0 off"); // old messages are not read out
  await ada.waitFor(() => document.getElementById("log").ariaLive === "polite");
  assert.equal(asked[0], "100");
});

// A server that cannot answer is asked again a little later, without another scroll.
scenario("older messages can come later", async ({ openStage }) => {
  const stage = await openStage();
  let asked = 0;
  stage.history = (request, response) => {
    asked++;
    if (asked === 1) response.writeHead(503).end("this message is not saved yet\n");
    else if (asked === 2) response.end("<!doctype html>Please log in to this network."); // a proxy's page
    else if (asked === 3) response.end(JSON.stringify([chat(1, "bob", "at last")]));
    else response.end("[]");
  };
  const { person: ada, server } = await stage.visitor("ada");
  ada.expects("503");
  await ada.resizes({ width: 1000, height: 300 });
  for (let n = 0; n < 20; n++) server.sends(chat(100 + n, "bob", String(n)));
  await ada.sees("bob: 19");
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  await ada.presses("Home");
  await ada.waitFor(() => document.querySelector("#messages span").textContent === "at last");
  await ada.shows(21);
});

scenario("a request for older messages that hangs is given up", async ({ openStage }) => {
  const stage = await openStage();
  stage.remembers(chat(1, "bob", "at last"));
  const answers = stage.history;
  let hangs = true;
  stage.history = (request, response) => {
    if (hangs) hangs = false;
    else answers(request, response);
  };
  const ada = await stage.someone();
  await ada.beforeThePage(() => {
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (milliseconds) => timeout.call(AbortSignal, milliseconds / 100);
  });
  await ada.opens();
  await ada.isOn("#name");
  await ada.types("ada");
  await ada.presses("Enter");
  const server = await stage.comes("ada");
  server.welcomes("ada", chat(2, "bob", "hello"));
  await ada.waitFor(() => document.querySelector("#messages span")?.textContent === "at last");
});

// A hidden log has no height, so its reader seems to be at its top.
scenario("a page that asks for a name loads no older messages", async ({ openStage }) => {
  const stage = await openStage();
  let asked = 0;
  const request = new Promise((arrive) => {
    stage.history = (_, response) => {
      asked++;
      arrive(response);
    };
  });
  let { person: ada, server } = await stage.visitor("ada");
  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", chat(1000, "bob", "hello"));
  await ada.sees("bob: hello");
  await ada.clicks("#change");
  await ada.clicks("#you [value=change]");
  await ada.isOn("#name");
  (await request).end(JSON.stringify([chat(999, "bob", "before")]));
  await ada.waitFor(() => document.getElementById("messages").textContent.includes("before"));
  await stage.nobodyComes(); // nor asks for more
  assert.equal(asked, 1);
});

// whileAway cuts the network between the page and the server, and connects them
// again after something has happened in the room.
async function whileAway(room, person, happens) {
  person.expects("/ws"); // attempts that fail
  room.network.refuse();
  await person.isDisconnected();
  await happens();
  room.network.accept();
  await person.isConnected();
}

// goesToTheTop scrolls up with the keyboard. Browsers move there in steps. So older
// messages may come on the way, and they keep the reader in place.
async function goesToTheTop(person) {
  const items = () => document.getElementById("messages").children.length;
  const before = await person.evaluates(items);
  const arrived = (before) => {
    const log = document.getElementById("log");
    const atTop = log.scrollTop - 1 <= log.clientHeight - log.scrollHeight;
    return atTop || document.getElementById("messages").children.length > before;
  };
  await within(patience, "the log does not scroll to its top", async () => {
    for (let look = 0; !(await person.evaluates(arrived, before)); look++) {
      if (look % 100 === 0) await person.presses("Home"); // again after a while, as a person would: a busy browser may lose it
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
}

// showsNumbers waits until the page shows so many messages, which are numbers
// in their order and end with the newest, each once.
async function showsNumbers(person, count, newest) {
  await person.waitFor((count, newest) => {
    const numbers = [...document.querySelectorAll("#messages span")].map((text) => Number(text.textContent));
    return numbers.length === count && numbers.every((number, i) => number === newest - count + 1 + i);
  }, count, newest);
}

// beginsWith waits until the list begins with these items: "day", or the class
// and the text of a message.
async function beginsWith(person, ...want) {
  await person.waitFor((want) => {
    const items = [...document.getElementById("messages").children].slice(0, want.length);
    const shown = items.map((item) => [item.className, item.querySelector("span")?.textContent].filter(Boolean).join(" "));
    return JSON.stringify(shown) === JSON.stringify(want);
  }, want);
}

// notesWhatIsLive runs in the page. It notes each message that is added, and
// whether a screen reader would read it out.
function notesWhatIsLive() {
  window.added = [];
  new MutationObserver((changes) => {
    for (const item of changes.flatMap((change) => [...change.addedNodes])) {
      const text = item.tagName === "LI" && item.querySelector("span");
      if (text) window.added.push(`${text.textContent} ${document.getElementById("log").getAttribute("aria-live")}`);
    }
  }).observe(document, { childList: true, subtree: true });
}

async function hasAdded(person, ...want) {
  await person.waitFor((want) => JSON.stringify(window.added) === JSON.stringify(want), want);
}
