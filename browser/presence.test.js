// Presence: who is here, who came and who left.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const maxHere = 50; // names in a list
const maxName = 32; // characters in a name

scenario("the page shows who is here", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  for (const person of [ada, bob]) {
    await person.reads("#presence summary", "2 here");
    await person.knows("ada", "bob");
  }
  await ada.presses("Shift+Tab"); // to the log
  await ada.presses("Shift+Tab");
  await ada.isOn("#presence summary");
  await ada.presses("Enter");
  await ada.waitFor(() => document.querySelector("#presence li").checkVisibility());
  await ada.fits();

  const cleo = await room.visitor("cleo");
  await hasNotes(ada, "cleo came");
  await ada.knows("ada", "bob", "cleo");
  await cleo.knows("ada", "bob", "cleo");
  await hasNotes(cleo); // nothing about those who were there before
  await cleo.evaluates(() => localStorage.clear());
  await cleo.opens(); // and is asked for a name again
  await hasNotes(ada, "cleo came", "cleo left");
  await ada.knows("ada", "bob");
  await ada.fits();
});

scenario("names are in the order that people expect", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const hebrew = "\u05d3\u05df";
  server.sends({ kind: "here", names: ["Zoe", "ada", "bob", "Émile", hebrew], count: 5 }); // in the order of bytes
  await ada.knows("ada", "bob", "Émile", "Zoe", hebrew);
  await ada.clicks("#presence summary");
  // The bullet stands before the name, so a Hebrew name has it on the right.
  const bullets = await ada.evaluates(() => [...document.querySelectorAll("#presence li")].map((item) => {
    const range = document.createRange();
    range.selectNodeContents(item);
    const [name, box] = [range.getBoundingClientRect(), item.getBoundingClientRect()];
    return `${name.left - box.left > 4 ? "left" : ""}${box.right - name.right > 4 ? "right" : ""}`;
  }));
  assert.deepEqual(bullets, ["left", "left", "left", "left", "right"]);
  await ada.fits();
});

scenario("the page compares two lists to tell who came and who left", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const here = async (count, ...names) => {
    server.sends({ kind: "here", names, count });
    await ada.reads("#presence summary", `${count} here`);
  };
  await here(1, "ada");
  await hasNotes(ada);
  await here(3, "ada", "bob", "<b>");
  await hasNotes(ada, "bob, <b> came");
  await here(4, "ada", "bob", "cleo");
  await hasNotes(ada, "bob, <b> came", "cleo came", "<b> left");
  await here(5, "ada", "bob", "cleo"); // a second one with the same name
  await hasNotes(ada, "bob, <b> came", "cleo came", "<b> left");

  // A list that may not be complete says nothing about who is missing in it.
  const crowd = Array.from({ length: maxHere }, (_, n) => `${String(n).padStart(2, "0")} ${"x".repeat(29)}`);
  await here(800, ...crowd);
  await here(799, "00", ...crowd.slice(0, -1)); // the last one was pushed out, and did not leave
  await here(2, "ada", "bob");
  await hasNotes(ada, "bob, <b> came", "cleo came", "<b> left");
  await here(1, "ada");
  await hasNotes(ada, "bob, <b> came", "cleo came", "<b> left", "bob left");
});

scenario("a note about presence ends a group of messages", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends({ kind: "here", names: ["ada"], count: 1 });
  server.sends(chat(1, "ada", "hello", "2024-02-29T12:00:00Z"));
  server.sends(chat(2, "ada", "I am", "2024-02-29T12:00:01Z"));
  server.sends({ kind: "here", names: ["ada", "bob"], count: 2 });
  server.sends(chat(3, "ada", "alone", "2024-02-29T12:00:02Z"));
  await ada.sees("ada: hello", "ada: I am", "ada: alone");
  await hasNotes(ada, "bob came");
  await ada.waitFor(() => [...document.querySelectorAll("#messages .again span")].map((text) => text.textContent).join() === "I am");
});

// A page may be open for weeks. What somebody reads does not move when old lines go.
scenario("the page keeps the last notes about presence", async ({ openStage }) => {
  const most = 500;
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(...Array.from({ length: 40 }, (_, n) => chat(n + 1, "bob", "message")));
  const come = (visits) => {
    for (let n = 0; n < visits; n++) server.sends({ kind: "here", names: ["ada"], count: 1 }, { kind: "here", names: ["ada", "cleo"], count: 2 });
  };
  const hasSoMany = (count) => ada.waitFor((count) => document.querySelectorAll("#messages .note").length === count, count);
  come(1);
  await hasNotes(ada, "cleo came");
  come(most / 2);
  server.sends({ kind: "here", names: ["ada", "cleo", "dan"], count: 3 });
  await hasNotes(ada, "cleo came", "dan came");
  await hasSoMany(most);
  await ada.shows(40);

  await ada.scrollsTo(-200);
  const place = () => document.getElementById("messages").children[500].getBoundingClientRect().top;
  const before = await ada.evaluates(place);
  come(most / 2);
  server.sends(chat(41, "bob", "the last"));
  await ada.sees("bob: the last");
  const after = await ada.evaluates(place);
  assert.ok(Math.abs(before - after) < 1, `the text moves from ${before} to ${after}`);
  await ada.waitFor((most) => document.querySelectorAll("#messages .note").length <= most + 60, most); // a few more
  await ada.scrollsTo(0);
  await hasSoMany(most);
});

// After a reconnect the page cannot know who came and who left meanwhile, and
// the others may not be back yet.
scenario("a list from before a reconnect is not compared", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  server.sends({ kind: "here", names: ["ada", "bob"], count: 2 });
  await ada.knows("ada", "bob");
  server.hangsUp();
  await ada.waitFor(() => !document.getElementById("presence").checkVisibility());

  server = await stage.comes("ada");
  server.welcomes("ada");
  server.sends({ kind: "here", names: ["ada"], count: 1 });
  await ada.knows("ada");
  await hasNotes(ada);
});

scenario("a long list of people fits", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const names = Array.from({ length: maxHere }, (_, n) => String(n).padStart(2, "0").padEnd(maxName, "W"));
  server.sends({ kind: "here", names, count: 1000 });
  await ada.knows(...names);
  await ada.clicks("#presence summary");
  await ada.waitFor(() => document.querySelector("#presence li").checkVisibility());
  await ada.fits();
  await ada.passesAxe();
});

// hasNotes waits until these are the last lines that nobody has said; with no
// words, until there are no such lines. Invisible characters around a name keep
// its writing direction to itself.
async function hasNotes(person, ...want) {
  await person.waitFor((want) => {
    const notes = [...document.querySelectorAll(".note")].map((item) => item.textContent.replace(/[\u2068\u2069]/g, ""));
    return JSON.stringify(notes.slice(-want.length)) === JSON.stringify(want);
  }, want);
}
