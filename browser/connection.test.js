// The page notices that the connection is lost, and connects again.

import { everySize, scenario } from "./lib/scenario.js";

const silence = 60; // seconds without a frame after which the page gives a connection up
const attempt = 10; // seconds without a frame after which the page gives an attempt up
const anyWait = 200; // milliseconds: every wait before an attempt is longer

scenario("a heartbeat is answered", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends();
  await server.gets({});
  server.sends();
  await server.gets({});
  await ada.shows(0);
});

scenario("a silent connection is given up", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  await ada.sleeps(silence - 1);
  await ada.isConnected();
  server.sends();
  await server.gets({});
  await ada.sleeps(silence - 1); // since the heartbeat
  await ada.isConnected();
  await ada.sleeps(1);
  await server.isLeft();

  server = await stage.comes("ada"); // by itself
  server.welcomes("ada");
  await ada.isConnected();
  server.sends();
  await server.gets({});
});

scenario("an attempt that hangs is given up", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.someone();
  ada.expects("/ws"); // the attempt that hangs
  await ada.stopsTheClock();
  await ada.opens();
  await ada.isOn("#name");
  await ada.types("ada");
  room.network.stall();
  await ada.presses("Enter");
  await ada.reads("#join-status", " Connecting …");
  await ada.sleeps(attempt - 1);
  await ada.reads("#join-status", " Connecting …");
  await ada.sleeps(1);
  await ada.waitFor(() => document.getElementById("status").textContent.startsWith("No connection: the server does not answer."));
  room.network.flow();
  await ada.isConnected();
});

// A server can accept connections and still be broken. This one takes the name
// and does not say welcome.
scenario("a server that does not say welcome is given up", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  server.hangsUp();
  server = await stage.comes("ada");
  await ada.isDisconnected();
  await ada.sleeps(attempt);
  await server.isLeft();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
});

// In the following scenarios the page's clock stands still for every wait. So
// when the page connects, the event just before it is the reason.

scenario("each failure makes the next wait longer, and an event ends the wait", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  await waitsAsLongAsPossible(ada);
  for (const seconds of [1, 1, 2, 4, 8, 16, 30, 30]) {
    server.hangsUp();
    await ada.reads("#status", `No connection. Next attempt in ${seconds} s`);
    await stage.nobodyComes();
    await networkComesBack(ada);
    await networkComesBack(ada); // two events make one connection
    server = await stage.comes("ada");
    await ada.reads("#status", "No connection. Connecting …");
    await stage.nobodyComes();
  }
  server.welcomes("ada");
  await ada.reads("#status", "Connected as ada");
  await networkComesBack(ada); // a connected page does not need it
  await stage.nobodyComes();
  server.hangsUp();
  await ada.reads("#status", "No connection. Next attempt in 1 s"); // the welcome has ended the failures
});

scenario("the seconds to the next attempt are counted down", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  await waitsAsLongAsPossible(ada);
  await ada.evaluates(() => {
    window.said = [];
    const words = document.querySelector("#status").firstElementChild;
    new MutationObserver(() => said.push(words.textContent)).observe(words, { childList: true });
  });
  for (const seconds of [1, 1, 2, 4]) {
    server.hangsUp();
    for (let left = seconds; left > 0; left--) {
      await ada.reads("#status", `No connection. Next attempt in ${left} s`);
      await ada.sleeps(1);
    }
    server = await stage.comes("ada");
    await ada.reads("#status", "No connection. Connecting …");
  }
  server.welcomes("ada");
  await ada.reads("#status", "Connected as ada");
  // The countdown is for the eye. A screen reader only says two things.
  await ada.waitFor(() => said.join("|") === "No connection.|Connected as ada");
  await ada.hears("Connected as ada");
  await ada.waitFor(() => document.querySelector("#status :nth-child(2)").ariaHidden === "true");
});

scenario("a device that is offline connects when it is online again", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  server = await failsTwice(stage, ada, server);
  server.hangsUp();
  await ada.reads("#status", "No connection. Next attempt in 2 s");
  await ada.goesOffline();
  await ada.sleeps(1);
  await ada.reads("#status", "This device is offline. Next attempt in 1 s");
  await ada.fits();
  await ada.goesOnline(); // the browser's own event
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.reads("#status", "Connected as ada");
});

scenario("a connected page notices at once that its device goes offline", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  await waitsAsLongAsPossible(ada);
  await ada.goesOffline();
  await ada.reads("#status", "This device is offline. Next attempt in 1 s");
  await ada.hears("This device is offline.");
  await ada.goesOnline();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.reads("#status", "Connected as ada");
});

scenario("a button ends the wait", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  await waitsAsLongAsPossible(ada);
  await ada.waitFor(() => !document.getElementById("try-now").checkVisibility());
  server.hangsUp();
  await ada.isDisconnected();
  await ada.fits();
  await ada.passesAxe();
  await ada.evaluates(() => document.getElementById("try-now").focus());
  for (const press of [() => ada.presses("Enter"), () => ada.clicks("#try-now")]) {
    await stage.nobodyComes();
    await press();
    server = await stage.comes("ada");
    await ada.isOn("#try-now"); // it may be needed again
    server.hangsUp();
    await ada.waitFor(() => document.getElementById("status").textContent.includes("Next attempt"));
  }
  await ada.clicks("#try-now");
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
  await ada.waitFor(() => !document.getElementById("try-now").checkVisibility());
  await ada.isOn("#text");
});

// Browsers report every failed handshake in the same way.
for (const [flags, reason] of [
  [["-max-clients", "1"], "the room is full"],
  [["-max-per-address", "1"], "too many connections from this address"],
]) {
  scenario(`a page hears why it cannot connect: ${reason}`, { sizes: everySize }, async ({ openRoom }) => {
    const room = await openRoom(...flags);
    await room.withoutBrowser("bob");
    const ada = await room.newcomer();
    ada.expects("/ws"); // attempts that fail
    await ada.types("ada");
    await ada.presses("Enter");
    await ada.waitFor((words) => document.getElementById("status").textContent.startsWith(words), `No connection: ${reason}. `);
    await ada.hears(`No connection: ${reason}.`);
    await ada.fits();
    await room.stop();
    await ada.waitFor((words) => document.getElementById("status").textContent.startsWith(words), "No connection: the server does not answer. ");
    await room.start(...flags);
    await networkComesBack(ada);
    await ada.isConnected();
    await ada.says("no longer full");
    await ada.sees("ada: no longer full");
  });
}

scenario("a page hears that too many people connect at once", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  ada.expects("/ws"); // attempts that fail
  stage.refusal = (answer) => answer.end("too many people at once");
  server.hangsUp();
  await ada.waitFor(() => document.getElementById("status").textContent.startsWith("No connection: too many people at once. "));
});

// The plain request for the reason may take longer than the next attempt.
scenario("a reason that comes late says nothing about a later failure", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  ada.expects("/ws"); // the attempt that fails
  await waitsAsLongAsPossible(ada);
  const refused = new Promise((resolve) => (stage.refusal = resolve));
  server.hangsUp();
  await ada.reads("#status", "No connection. Next attempt in 1 s");
  await networkComesBack(ada);
  const reason = await refused;
  stage.refusal = undefined;
  await networkComesBack(ada);
  server = await stage.comes("ada");
  reason.end("the room is full");
  await stage.nobodyComes(); // meanwhile, the reason arrives
  server.hangsUp();
  await ada.reads("#status", "No connection. Next attempt in 2 s");
});

scenario("looking at the page ends the wait", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  server.hangsUp();
  await ada.isDisconnected();
  await ada.hides();
  await stage.nobodyComes();
  await ada.showsAgain();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
  await ada.hides();
  await ada.showsAgain();
  await stage.nobodyComes(); // a connection that works stays
  server.sends();
  await server.gets({});
});

// In a hidden page, a timer that another timer has started may have to wait for a minute.
scenario("a hidden page waits with one timer", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  server = await failsTwice(stage, ada, server);
  await ada.hides();
  server.hangsUp();
  await ada.reads("#status", "No connection. Next attempt in 2 s");
  await ada.sleeps(2); // all timers that are due get one turn
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
});

scenario("a connection survives a short sleep of the computer", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada", anyWait);
  await computerSleeps(ada, server, silence - 1);
  await stage.nobodyComes();
  server.sends();
  await server.gets({});
});

scenario("after a long sleep of the computer the page connects again", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada", anyWait);
  await computerSleeps(ada, server, silence + 1);
  await server.isLeft();
  server = await stage.comes("ada");
  server.welcomes("ada");
  await ada.isConnected();
  await stage.nobodyComes();
});

scenario("without a name nobody connects", async ({ openStage }) => {
  const stage = await openStage();
  const ada = await stage.newcomer();
  const staysOut = async () => {
    await networkComesBack(ada);
    await ada.hides();
    await ada.showsAgain();
    await stage.nobodyComes();
    await ada.reads("#status", "Not connected");
  };
  await staysOut();
  await ada.types("server");
  await ada.presses("Enter");
  const server = await stage.comes("server");
  server.sends({ kind: "error", text: "not this one" });
  await server.isLeft();
  await staysOut();
});

// failsTwice ends two connections, the second before the welcome, and returns the server's end of
// the third. After that, the page waits as long as possible.
async function failsTwice(stage, person, server) {
  await waitsAsLongAsPossible(person);
  for (let failures = 0; failures < 2; failures++) {
    server.hangsUp();
    await person.reads("#status", "No connection. Next attempt in 1 s");
    await person.sleeps(1);
    server = await stage.comes("ada");
  }
  return server;
}

// waitsAsLongAsPossible makes every random wait as long as it can be.
async function waitsAsLongAsPossible(person) {
  await person.evaluates(() => { Math.random = () => 1; });
}

async function networkComesBack(person) {
  await person.evaluates(() => { dispatchEvent(new Event("online")); });
}

// computerSleeps lets time pass while the timers stand still. The last frame
// comes just before the sleep. After it, the person looks at the page.
async function computerSleeps(person, server, seconds) {
  const start = Date.now();
  const setTime = (now) => { Date.now = () => now; };
  await person.evaluates(setTime, start);
  server.sends();
  await server.gets({});
  await person.hides();
  await person.evaluates(setTime, start + seconds * 1000);
  await person.showsAgain();
}
