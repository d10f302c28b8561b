// What happened: the differences between snapshots, as a list of buttons.

import { clock, part, whole } from "./figures.js";
import { titleOf } from "./troubles.js";

const list = document.getElementById("happened");
const who = (count, client) => count === 1 ? client?.name ?? "1 client" : `${whole(count)} clients`;
const onlyIn = (snapshot, other) => snapshot.drawn.filter(({ id }) => !other.drawn.some((client) => client.id === id));
const growth = (before, now) => Object.keys(now).map((key) => [key, now[key] - (before[key] ?? 0)]).filter(([, count]) => count > 0);

const entries = {}; // the newest of each kind
let leaving = []; // clients that have just left the room, those in trouble first. The reason may come seconds later

// tell adds an entry. Events of one kind within two seconds are one entry, and words gets their number.
export function tell(at, kind, words, count = 1) {
  if (!(at - entries[kind]?.last < 2000)) {
    entries[kind] = { first: at, count: 0, button: Object.assign(part("button"), { value: at }) };
    list.prepend(part("li", entries[kind].button));
    if (list.children.length > 30) list.lastChild.remove();
  }
  const entry = entries[kind];
  entry.last = at;
  entry.count += count;
  entry.button.textContent = `${clock(entry.first)} ${words(entry.count)}`;
}

export function compare(before, now) {
  const more = now.clients - before.clients;
  if (more > 0) tell(now.at, "joined", (count) => `${who(count, onlyIn(now, before)[0])} joined`, more);
  if (more < 0) leaving.push(...onlyIn(before, now).map((client) => ({ ...client, at: now.at })));
  leaving = leaving.filter(({ at }) => now.at - at < 5000).sort((a, b) => b.queue + b.silent / 1000 - a.queue - a.silent / 1000);
  const alone = leaving.length === 1;
  for (const [reason, count] of growth(before.ended, now.ended)) { // the server counts reasons without names
    const [client] = reason === "left" ? leaving.splice(-count) : leaving.splice(0, count);
    const named = alone || ["too slow", "inactive"].includes(reason) ? client : undefined; // of the others, it could be another one
    tell(client?.at ?? now.at, reason, (all) => `${who(all, named)} ${reason === "left" ? "" : "disconnected: "}${reason}`, count);
  }
  for (const [why, count] of growth(before.refused, now.refused)) tell(now.at, `no ${why}`, (all) => `${whole(all)} refused: ${why}`, count);
  for (const name of now.troubles) if (!before.troubles.includes(name)) tell(now.at, name, () => `trouble begins: ${titleOf(name)}`);
  for (const name of before.troubles) if (!now.troubles.includes(name)) tell(now.at, `${name} ends`, () => `trouble ends: ${titleOf(name)}`);
  if (now.failing !== before.failing) tell(now.at, "failure", () => now.failing ? `a save failed: ${now.failure}` : "saved again");
  if (before.stream && now.stream) compareStreams(now.at, before.stream, now.stream);
}

function compareStreams(at, before, now) {
  if (now.lost > 0 && before.lost === 0) tell(at, "lost", () => `cut off from the stream: ${now.why}`);
  if (now.lost === 0 && before.lost > 0) tell(at, "found", () => `following the stream${now.reconnects > 0 ? " again" : ""}`);
  const missing = (from, others) => from.filter(({ id }) => !others.some((machine) => machine.id === id)).length;
  const machines = (count) => count === 1 ? "another machine is" : `${whole(count)} other machines are`;
  const [came, went] = [missing(now.machines, before.machines), missing(before.machines, now.machines)];
  if (came > 0) tell(at, "machine came", (count) => `${machines(count)} there`, came);
  if (went > 0) tell(at, "machine went", (count) => `${machines(count)} gone`, went);
}
