// The picture: the map in README.md, alive. Its nodes are made once. Then only what changes is written.

import { behindBy, following, people, short, storeState, time, whole } from "./figures.js";

const [top, pitch, rows] = [50, 21, 20]; // where the rows begin, the distance between two, and how many there are
const bottom = top + (rows + 1) * pitch;
const x = { name: 90, reader: 100, writer: 230, queue: 352, hub: 566, hubEnd: 694, store: 738, middle: 817 };
const queueWidth = 156;
const heartbeat = 30 * 1000; // milliseconds: a living client answers the heartbeat every 25 seconds
const many = 4; // a second: more messages than these are a flow
const still = matchMedia("(prefers-reduced-motion: reduce)");
const resting = []; // dots that have arrived, for the next messages
const set = (node, name, value) => node.getAttribute(name) === String(value) || node.setAttribute(name, value);
const square = (n, left) => `M${left + 12 + n % 10 * 9} ${top + 36 + Math.floor(n / 10) * 9}h7v7h-7z`;
const squares = (count, left) => Array.from({ length: count }, (_, n) => square(n, left)).join("");

function draw(parent, kind, attributes, words = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  node.textContent = words;
  return parent.appendChild(node);
}

const svg = draw(document.getElementById("picture"), "svg", { role: "img" });
for (const [left, title, code] of [[0, "browsers", ""], [x.reader, "reader goroutine", "Client.readPump"],
  [x.writer, "writer goroutine", "Client.writePump"], [x.queue, "queue", "Client.send: frames that wait"],
  [x.hub, "hub goroutine", "Hub.Run"], [x.store, "store goroutine", "Store.Run"]]) {
  draw(svg, "text", { x: left, y: 16, class: "title" }, title);
  draw(svg, "text", { x: left, y: 33, class: "usual" }, code);
}
const inTheRoom = svg.querySelector(".usual");
const [saver, saverCode] = [...svg.children].slice(-2);
const places = Array.from({ length: rows }, (_, row) => place(top + (row + 0.5) * pitch));
const others = place(bottom - pitch / 2);
track(svg, `M${x.hubEnd} 120H${x.store}`, "l-5 -3m5 3l-5 3");
track(svg, `M${x.store} 150H${x.hubEnd}`, "l5 -3m-5 3l5 3");
track(svg, `M${x.middle} 290V331`, "l-3 -5m3 5l3 -5");
const hub = box(x.hub, bottom - top, "pending", [142, 168]);
const store = box(x.store, 240, "batch", [142, 160, 178, 194, 210]);
draw(svg, "path", { class: "box", d: `M${x.store} 345V450a79 12 0 0 0 158 0V345a79 12 0 0 0 -158 0a79 12 0 0 0 158 0` });
const database = [385, 405, 423, 441].map((y) => draw(svg, "text", { x: x.store + 12, y }));

// Below, and only with -nats: the stream, and the other machines that share it. The stream goroutine appends
// through one track, and hears of all messages, also of its own, through the other.
const far = bottom + 26;
const stream = draw(svg, "g");
const append = track(stream, `M${x.store} 255H708V${far}`, "l-3 -5m3 5l3 -5");
track(stream, `M724 ${far}V275H${x.store}`, "l-5 -3m5 3l-5 3");
draw(stream, "rect", { class: "box", x: x.hub, y: far, width: 330, height: 84, rx: 10 });
const streamWords = [22, 42, 58, 74].map((y) => draw(stream, "text", { x: x.hub + 12, y: far + y }));
const alone = draw(svg, "text", { x: 405, y: far + 46 });
const machines = [420, 280, 140, 0].map((left, n) => {
  const room = draw(svg, "g");
  draw(room, "path", { class: "line", d: `M${left + 128} ${far + 42}h${n === 0 ? 18 : 12}` });
  draw(room, "rect", { class: "box", x: left, y: far, width: 128, height: 84, rx: 10 });
  return { room, words: [24, 46, 66].map((y) => draw(room, "text", { x: left + 12, y: far + y })) };
});
showStream();

// write also says whether the words are news, or only the usual.
function write(node, words, isNews = false) {
  if (node.textContent !== words) node.textContent = words;
  set(node, "class", isNews ? "news" : "usual");
}

// A track is a line with an arrow. On it lies another line, which flows when there are many frames.
function track(parent, line, arrow, kind = "frames") {
  draw(parent, "path", { class: "line", d: line + arrow });
  return draw(parent, "path", { class: kind, d: line });
}

// The hub and the store each show places for a hundred messages.
function box(left, height, title, lines) {
  const frame = draw(svg, "rect", { class: "box", x: left, y: top, width: left === x.hub ? 128 : 158, height, rx: 10 });
  draw(svg, "text", { x: left + 12, y: top + 24 }, title);
  draw(svg, "path", { class: "bar", d: squares(100, left) });
  const full = draw(svg, "path", { class: "full" });
  return { left, frame, full, lines: lines.map((y) => draw(svg, "text", { x: left + 12, y: top + y })) };
}

// A place is a row for a client: messages go right on its upper line, frames left on its lower line.
function place(y) {
  const row = draw(svg, "g", { class: "free" });
  const up = track(row, `M${x.name} ${y - 7}H${x.hub}`, "l-5 -3m5 3l-5 3", "");
  const out = track(row, `M${x.queue} ${y + 7}H${x.name}`, "l5 -3m-5 3l5 3");
  track(row, `M${x.hub} ${y + 7}H${x.queue}`, "");
  draw(row, "rect", { class: "box", x: 0, y: y - 9, width: x.name, height: 18, rx: 5 });
  const size = { x: x.queue, y: y - 4, width: queueWidth, height: 8, rx: 2 };
  draw(row, "rect", { class: "bar", ...size });
  const queue = draw(row, "rect", { class: "full", ...size });
  const words = [8, x.reader, x.writer, x.queue + queueWidth + 7].map((left) => draw(row, "text", { x: left, y: y + 4 }));
  return { row, y, up, out, queue, words, traffic: 0 };
}

// show draws a snapshot. With the one before it, messages travel.
export function show(now, rates, before) {
  const delivered = now.batches > before?.batches && rates.batches <= many;
  const rest = now.clients - now.drawn.length;
  set(svg, "class", rates.batches > many ? "many" : "few");
  if (before && !still.matches) set(svg, "stroke-dashoffset", -now.at * 0.06 % 24); // a step of a flow: no other frame is drawn for it
  const coming = now.drawn.filter(({ id }) => !places.some(({ client }) => client?.id === id));
  for (const place of places) { // a client stays in its row, although the server puts those in trouble first
    place.client = now.drawn.find(({ id }) => id === place.client?.id) ?? coming.shift();
    showClient(place, now, before, delivered);
  }
  write(inTheRoom, now.clients === 0 ? "nobody yet" : `clients: ${whole(now.clients)}`);
  set(others.row, "class", rest > 0 ? "group" : "free group");
  write(others.words[0], `and ${whole(rest)} more: a reader, a queue and a writer for each`);
  const waiting = now.blocked === 1 ? "1 reader waits" : now.blocked > 1 ? `${now.blocked} readers wait` : "no reader waits";
  showBox(hub, now.pending, now.blocked > 0, [`${now.pending} of ${now.pendingSize}`, waiting]);
  const [saves, since, tries, failure = ""] = storeState(now);
  showBox(store, now.saving, now.failing || now.saving > 0 && now.savingFor > 1000, [saves, since, tries, ...failure.match(/.{1,20}(\s|$)/g) ?? []]);
  ["database", `batches/s: ${whole(rates.batches)}`, `messages/s: ${whole(rates.messages)}`, `in a batch: ${rates.size}`]
    .forEach((words, n) => write(database[n], words));
  showStream(now.stream);
  if (delivered && now.stream) {
    if (now.drawn.some(({ silent }) => silent < now.at - before.at)) travel(250, 250, [[x.hubEnd, 120], [x.store, 120], [708, 255], [708, far]]);
    travel(500, 300, [[724, far], [724, 275], [x.store, 275], [x.middle, 331]]);
  } else if (delivered) travel(400, 400, [[x.hubEnd, 120], [x.middle, 120], [x.middle, 331]]);
  if (delivered && rest > 0) travel(800, 500, [[x.hub, others.y + 7], [x.name, others.y + 7]]);
}

// Without a stream, now is undefined, and there is nothing below.
function showStream(now) {
  set(svg, "viewBox", `-2 0 900 ${now ? far + 86 : bottom + 2}`);
  set(svg, "aria-label", `Messages go from the browsers through readers to the hub, then to the ${
    now ? "stream, which other machines share, then to the database" : "store"}, and back through queues and writers.`);
  saver.textContent = now ? "stream goroutine" : "store goroutine";
  write(saverCode, now ? "Stream.Run" : "Store.Run");
  set(stream, "class", !now ? "room away" : now.lost > 0 ? "room trouble" : "room");
  write(alone, now?.machines.length === 0 ? "no other machine is there" : "");
  const known = now?.machines ?? [];
  const more = known.length - machines.length + 1;
  machines.forEach(({ room, words }, n) => {
    const machine = known[n];
    const late = machine?.silent > 6000; // machines tell every five seconds who is there
    set(room, "class", !machine ? "room away" : late ? "room trouble" : "room");
    if (!machine) return;
    const isRest = n === machines.length - 1 && more > 1;
    const count = isRest ? known.slice(n).reduce((sum, { people }) => sum + people, 0) : machine.people;
    [isRest ? `and ${more} more` : `machine ${short(machine.id)}`, people(count), isRest ? "" : `heard ${Math.round(machine.silent / 1000)} s ago`]
      .forEach((line, n) => write(words[n], line, n === 1 || late));
  });
  if (!now) return;
  const name = now.name.length > 24 ? `${now.name.slice(0, 23)}…` : now.name;
  [`stream ${name}, in NATS`, following(now), `messages behind: ${behindBy(now)}`, `times cut off: ${whole(now.reconnects)}`]
    .forEach((line, n) => write(streamWords[n], line, n === 0 || n < 3 && now.lost > 0));
  set(append, "class", places.some(({ client, traffic }) => client && traffic > 0.4) ? "frames" : "");
}

function showClient(place, now, before, delivered) {
  const { client, y, words: [name, reader, writer, count] } = place;
  if (!client) return set(place.row, "class", "free");
  const [silent, stuck, long] = [client.silent > heartbeat, client.writing > 200, client.queue > now.queueSize / 10];
  const waits = silent ? `silent for ${Math.round(client.silent / 1000)} s` : "waits";
  set(place.row, "class", silent || stuck || long || client.reader !== "waits" ? "trouble" : "");
  write(name, client.name.length > 12 ? `${client.name.slice(0, 11)}…` : client.name, true);
  write(reader, { waits, slowed: "slowed: too fast", blocked: "waits for the hub" }[client.reader], silent || client.reader !== "waits");
  write(writer, stuck ? `writes for ${time(client.writing)}` : client.writing > 0 ? "writes" : "waits", stuck);
  write(count, client.queue > 0 ? String(client.queue) : "", long);
  set(place.queue, "width", Math.round(client.queue / now.queueSize * queueWidth));
  const sent = client.silent < now.at - before?.at;
  if (before) place.traffic += (sent - place.traffic) / 10; // the part of the last snapshots in which it sent something
  set(place.up, "class", place.traffic > 0.4 ? "flow" : "");
  set(place.out, "class", stuck ? "" : "frames");
  if (sent && place.traffic <= 0.4) travel(0, 500, [[x.name, y - 7], [x.hub, y - 7]]);
  if (delivered) travel(800, 500, [[x.hub, y + 7], [stuck ? x.queue : x.name, y + 7]]);
}

function showBox({ left, frame, full, lines }, messages, isTrouble, words) {
  set(frame, "class", isTrouble ? "box bad" : "box");
  set(full, "d", squares(Math.min(messages, 100), left));
  lines.forEach((line, n) => write(line, words[n] ?? "", isTrouble));
}

// travel moves a dot. Before and afterwards it is invisible.
function travel(delay, duration, points) {
  if (still.matches) return;
  const dot = resting.pop() ?? draw(svg, "circle", { class: "dot", r: 3.5 });
  const journey = points.map(([left, y]) => ({ opacity: 1, transform: `translate(${left}px, ${y}px)` }));
  dot.animate(journey, { delay, duration }).onfinish = () => resting.push(dot);
}
