// The lab: a page of the debug server that shows what goroutines and queues do, and causes
// trouble. Its troubles are processes of the real program, and take as long as they take.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { withoutNats } from "./lib/nats.js";
import { everySize, scenario } from "./lib/scenario.js";

const schemes = ["light", "dark"];

scenario("the lab shows people and their queues", { sizes: everySize }, async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.counts("clients", 0);
  await eve.draws();
  const ada = await room.visitor("ada");
  await eve.counts("clients", 1);
  await eve.draws("ada");
  await eve.hasHappened("ada joined");
  await eve.clicks("#clients summary"); // the same in words
  assert.deepEqual((await eve.listed("ada")).slice(0, 4), ["ada", "waits", "0 of 256", "waits"]);
  await ada.says("hello");
  await ada.sees("ada: hello");
  await eve.finds("half are shown within", "s"); // ms or s: a message has been measured
});

scenario("a question comes before its trouble, and the answer after it", async ({ openLab }) => {
  const room = await openLab();
  await room.visitor("ada");
  const eve = await room.viewer();
  await eve.counts("clients", 1);
  await eve.asks("talk");
  await eve.clicks("#talk label");
  await eve.reads("#talk [role=status]", "");
  await eve.clicks("#talk button");
  await eve.isRunning("talk");
  await eve.counts("clients", 21);
  await eve.hasHappened("trouble begins: 20 people talk");
  await eve.waitFor(() => document.querySelector("#talk [role=status]").textContent.startsWith("Each text goes to everybody"));
  await eve.waitFor(() => document.querySelector("#talk .right").textContent === "About 400");
  await eve.counts("deliveries a second", 200, 800);
  await eve.stopsEverything();
  await eve.isRunning();
  await eve.hasHappened("trouble ends: 20 people talk");
  await eve.counts("clients", 1);
  await eve.draws("ada");
});

scenario("a link to the lab chooses a trouble", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer("/lab#stall"); // the server redirects to /lab/
  await eve.isAsked("stall");
  await eve.evaluates(() => { location.hash = "lock"; });
  await eve.isAsked("lock");
});

scenario("a client that reads nothing is disconnected, and the moment before can be seen", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.causes("stall");
  await eve.clicks("#clients summary");
  await eve.waitFor(() => [...document.querySelectorAll("#picture .trouble .news")]
    .some((words) => words.textContent.startsWith("writes for"))); // after about 10 s
  await eve.hasHappened("stalled 1 disconnected: too slow"); // after about 10 s more
  await eve.stopsEverything();
  await eve.counts("clients", 0);
  await eve.goesBackTo("stalled 1 disconnected");
  await eve.reads("#status", "the past");
  const [, , queue, writer] = await eve.listed("stalled 1");
  assert.ok(parseInt(queue) > 100, `the queue has ${queue}`);
  assert.match(writer, /^writes for .* s$/);
  await eve.waitFor(() => [...document.querySelectorAll("#picture .trouble text")].some((words) => words.textContent === "stalled 1"));
  await eve.clicks("#pause");
  await eve.isLive();
  await eve.counts("clients", 0);
});

scenario("while the database is locked, messages wait", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.causes("talk");
  await eve.counts("messages a second", 10, 100);
  await eve.causes("lock");
  await eve.isRunning("talk", "lock");
  await eve.counts("pending messages", 20, 100);
  await eve.finds("store", "failed, tries again: database is locked");
  await eve.waitFor(() => document.querySelector("#picture .bad ~ .news")); // also in the picture
  await eve.hasHappened("a save failed: database is locked");
  await eve.hasHappened("saved again");
  await eve.isRunning("talk");
  await eve.counts("pending messages", 0, 10);
  await eve.counts("messages a second", 10, 200);
});

scenario("the keyboard pauses, looks back, and comes back", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  const bob = await room.withoutBrowser("bob");
  await eve.draws("bob");
  await eve.waitFor(() => document.getElementById("slider").max >= 10); // a second
  await eve.tabsTo("#pause");
  await eve.presses("Enter");
  await eve.reads("#status", "the past");
  await eve.reads("#pause", "Back to live");
  await eve.presses("Tab");
  await eve.isOn("#slider");
  await eve.presses("Home");
  await eve.draws(); // the room before bob came
  await eve.presses("End");
  await eve.draws("bob");
  await bob.leaves();
  await eve.hasHappened("bob left"); // the list goes on, and the picture stays
  await eve.draws("bob");
  await eve.presses("Shift+Tab");
  await eve.presses("Enter");
  await eve.isLive();
  await eve.draws();
});

scenario("the table shows a moment of the past, too", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await room.withoutBrowser("bob");
  await eve.draws("bob");
  await eve.clicks("#pause");
  await eve.reads("#status", "the past");
  await eve.clicks("#clients summary");
  assert.equal((await eve.listed("bob"))[0], "bob");
});

scenario("the lab comes back after its server", async ({ openLab }) => {
  const room = await openLab();
  await room.withoutBrowser("bob");
  const eve = await room.viewer();
  eve.expects("/lab/events"); // attempts that fail
  await eve.draws("bob");
  const { lab } = room.program;
  await room.kill();
  await eve.waitFor(() => document.getElementById("status").textContent.startsWith("The server is gone"));
  await eve.hears("The server is gone. Please wait.");
  await eve.hasHappened("the server is gone");
  await eve.passesAxe();
  await room.start("-lab", "-debug-addr", lab);
  await eve.isLive();
  await eve.hasHappened("the server is back");
  await eve.draws();
  await room.withoutBrowser("cleo");
  await eve.draws("cleo");
});

scenario("the lab fits, and axe accepts it, when nothing happens and when much does", { sizes: everySize, schemes }, async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.fits();
  await eve.passesAxe();
  await eve.causes("talk");
  await eve.clicks("#clients summary");
  await eve.counts("clients", 20);
  await eve.asks("lock"); // the longest answer
  await eve.clicks("#lock button");
  await eve.finds("store", "failed");
  await eve.fits();
  await eve.passesAxe();
  await eve.clicks("#pause");
  await eve.reads("#status", "the past");
  await eve.fits();
  await eve.passesAxe();
});

scenario("messages travel", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.causes("talk");
  await eve.waitFor(() => document.getAnimations().length > 0);
  await eve.waitFor(() => Number(document.querySelector("svg").getAttribute("stroke-dashoffset")) !== 0);
});

scenario("nothing travels if a person prefers reduced motion", { skip: { firefox: "no command sets it while Firefox runs" } }, async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.prefersReducedMotion();
  await eve.causes("talk");
  await eve.counts("deliveries a second", 200, 800); // all is as usual, except that nothing moves
  const moves = await eve.evaluates(async () => {
    const flow = () => document.querySelector("svg").getAttribute("stroke-dashoffset"); // stays where it was when the preference came
    const before = flow();
    let moves = 0;
    for (let look = 0; look < 100; look++) {
      moves += document.getAnimations().length + Number(flow() !== before);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return moves;
  });
  assert.equal(moves, 0);
});

scenario("a trouble that goes on already is refused in words", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  eve.expects("/lab/trouble/talk"); // Chromium reports the 409
  await eve.causes("talk");
  await eve.isRunning("talk");
  await eve.clicks("#talk button");
  await eve.waitFor(() => document.getElementById("error").textContent.includes("it is going on already"));
  await eve.hears("there is no such trouble, or it is going on already");
  await eve.stopsEverything();
  await eve.reads("#error", ""); // what is done now takes the error away
  await eve.isRunning();
});

scenario("the last seconds can be downloaded as a trace", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  const answer = await eve.evaluates(async () => {
    const link = document.querySelector("a[download]");
    const answer = await fetch(link.href);
    return { status: answer.status, file: link.download, begin: (await answer.text()).slice(0, 5) };
  });
  assert.deepEqual(answer, { status: 200, file: "trace.out", begin: "go 1." });
});

scenario("the lab leads to the chat", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.waitFor((port) => document.getElementById("chat").href === `http://127.0.0.1:${port}/`, room.program.port);
});

// The server comes back on the same ports, so these must be known before.
scenario("the buttons that end the server start it again, and no text is lost", async ({ openLab }) => {
  const [chat, debug] = await freePorts(2);
  const room = await openLab("-addr", `127.0.0.1:${chat}`, "-debug-addr", `127.0.0.1:${debug}`);
  const ada = await room.visitor("ada");
  ada.expects("/ws"); // attempts that fail
  const eve = await room.viewer();
  eve.expects("/lab/events");
  const said = [];
  for (const [times, trouble] of ["stop", "kill"].entries()) {
    await ada.says(`before ${trouble}`);
    said.push(`ada: before ${trouble}`);
    await ada.sees(...said);
    await eve.causes(trouble);
    await eve.waitFor((times) => document.getElementById("happened").textContent.split("the server is back").length > times, times + 1);
    await eve.isLive();
    await ada.isConnected();
    await ada.sees(...said);
  }
});

scenario("without a stream, the lab shows none", async ({ openLab }) => {
  const room = await openLab();
  const eve = await room.viewer();
  await eve.counts("clients", 0);
  await eve.drawsRooms();
  await eve.waitFor(() => document.getElementById("cutoff").hidden && document.getElementById("leader").hidden);
  assert.equal(await eve.evaluates(() => /stream|machine/i.test(document.body.innerText + document.querySelector("svg").ariaLabel)), false);
});

scenario("the lab shows the stream and the other machines", { sizes: everySize, schemes, skip: withoutNats }, async ({ openLab, openRoom, startNats }) => {
  const nats = await startNats();
  const room = await openLab("-nats", nats);
  const eve = await room.viewer();
  await eve.finds("stream chat", "follows it");
  await eve.finds("other machines", "none");
  await eve.drawsRooms("stream chat, in NATS");
  const other = await openRoom("-nats", nats);
  await eve.hasHappened("another machine is there");
  await eve.finds("other machines", "nobody");
  const ada = await other.withoutBrowser("ada");
  await eve.finds("other machines", "1 person");
  await eve.drawsRooms("stream chat, in NATS", "1 person");
  await ada.says("hello");
  await eve.counts("messages behind", 0);
  await eve.fits();
  await eve.passesAxe();
});

scenario("a machine that has stopped is gone", { skip: withoutNats }, async ({ openLab, openRoom, startNats }) => {
  const nats = await startNats();
  const room = await openLab("-nats", nats);
  const other = await openRoom("-nats", nats);
  const eve = await room.viewer();
  await eve.drawsRooms("stream chat, in NATS", "nobody");
  await other.stop();
  await eve.hasHappened("another machine is gone");
  await eve.drawsRooms("stream chat, in NATS");
});

scenario("a machine that is cut off from the stream shows nothing, and then everything", { skip: withoutNats }, async ({ openLab, openRoom, startNats }) => {
  const nats = await startNats();
  const room = await openLab("-nats", nats);
  const other = await openRoom("-nats", nats);
  const eve = await room.viewer();
  await eve.finds("stream chat", "follows it");
  await eve.finds("other machines", "nobody");
  const ada = await room.visitor("ada");
  const bob = await other.withoutBrowser("bob");
  await eve.causes("cutoff");
  await eve.reads("#cutoff .right", "Afterwards, everywhere");
  await eve.hasHappened("cut off from the stream: the lab has cut this machine off");
  await eve.finds("stream chat", "is cut off");
  await eve.waitFor(() => [...document.querySelectorAll("#picture .room.trouble .news")].some((words) => words.textContent.includes("is cut off")));
  await bob.says("first");
  await ada.says("second");
  await ada.waitsWith("second: sending …");
  await eve.finds("messages behind", "unknown");
  await eve.fits();
  await eve.passesAxe();
  await eve.hasHappened("following the stream again");
  await ada.sees("bob: first", "ada: second");
  await bob.hears(({ text }) => text === "second");
  await eve.counts("times cut off", 1);
  await eve.finds("stream chat", "follows it");
});

scenario("a stream on one server has no other leader", { skip: withoutNats }, async ({ openLab, startNats }) => {
  const room = await openLab("-nats", await startNats());
  const eve = await room.viewer();
  await eve.finds("stream chat", "follows it");
  await eve.causes("leader");
  await eve.waitFor(() => document.querySelector("#leader [role=status]").textContent.includes("A single NATS server refuses"));
  await eve.hasHappened("trouble ends: The stream’s leader steps down");
});

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
