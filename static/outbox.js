// The outbox keeps what a person sends until the server sends it back: then everyone
// has it. One text is in flight at a time, so that all arrive in order. The server
// recognises a text by its ref, so the page can send it again without harm.

import { send } from "./connection.js";
import { write } from "./field.js";
import { keepInPlace, log, newestGroup } from "./list.js";
import { groupOf, messageItem, part } from "./message.js";
import { recall, remember } from "./storage.js";

const patience = 5 * 1000; // milliseconds until the page says that no answer comes, and until it sends again
const tooOld = 60 * 60 * 1000;

const [box] = document.forms.compose.elements;
const list = document.getElementById("outbox");

let entries = []; // messages without an id. An entry with a why waits for a click
let name; // under which the person writes
let joined = false; // the page is in the room, and has the history
let inFlight; // the entry that the page sends until the server answers
let timer; // starts the next attempt

restored().forEach(put); // a reload loses nothing

function restored() {
  try {
    return JSON.parse(recall("sessionStorage", "outbox")).filter(({ ref, name, text, at }) =>
      [ref, name, text, at].every((field) => typeof field === "string") && /^[\w-]{1,64}$/.test(ref));
  } catch {
    return []; // nothing is stored, or something else
  }
}

export function say(text) {
  put({ ref: newRef(), kind: "chat", name, text, at: new Date().toISOString() });
}

// A ref begins with the time, because refs that grow make the server's index faster.
// Browsers have crypto.randomUUID only with https.
function newRef() {
  return Date.now().toString(36) + crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function put(entry) {
  entries.push(entry);
  const item = messageItem(entry, false);
  item.append(" ", stateOf(entry));
  keepInPlace(() => list.append(item));
  changed();
}

function remove(entry) {
  const item = itemOf(entry);
  entries = entries.filter((other) => other !== entry);
  if (item.contains(document.activeElement)) box.focus();
  keepInPlace(() => item.remove());
  changed();
}

function hold(entry, why) {
  entry.why = why;
  keepInPlace(() => itemOf(entry).lastChild.replaceWith(stateOf(entry)));
  changed();
}

export function clear() {
  entries = [];
  list.replaceChildren();
  changed();
}

function itemOf(entry) {
  return list.children[entries.indexOf(entry)];
}

function changed() {
  remember("sessionStorage", "outbox", JSON.stringify(entries));
  if (first() !== inFlight) sendFirst();
}

function first() {
  return joined ? entries.find(({ why }) => !why) : undefined;
}

function sendFirst() {
  clearTimeout(timer);
  inFlight = first();
  if (!inFlight) return;
  // The page sends no old text without asking. hold goes on with the next one.
  if (Date.now() - Date.parse(inFlight.at) > tooOld) return hold(inFlight, "written more than an hour ago");
  send({ text: inFlight.text, ref: inFlight.ref });
  tell("sending …");
  timer = setTimeout(() => {
    tell("no answer yet …");
    timer = setTimeout(sendFirst, patience);
  }, patience);
}

function tell(words) {
  const state = itemOf(inFlight).lastChild;
  if (state.textContent !== words) state.textContent = words; // or a screen reader would say it again
}

// The page sends nothing before the history, which may confirm a text.
export function sendAs(newName, historyCame) {
  name = newName;
  for (const entry of entries) {
    if (historyCame && !entry.why && entry.name !== name) hold(entry, `written as \u2068${entry.name}\u2069`);
  }
  joined = historyCame;
  sendFirst();
}

// confirm removes the text with this ref, and reports whether there was one.
export function confirm(ref) {
  const entry = entries.find((entry) => entry.ref === ref);
  if (entry) remove(entry);
  return entry !== undefined;
}

export function refuse({ ref, text, retry }) {
  if (inFlight?.ref !== ref) return; // the second answer to a text that was sent twice
  if (retry) {
    clearTimeout(timer);
    timer = setTimeout(sendFirst, retry * 1000);
    tell(text);
  } else {
    inFlight.refused = true;
    hold(inFlight, text);
  }
}

function stateOf(entry) {
  if (!entry.why) return part("small", "sending …");
  const state = part("p", "");
  state.append(part("small", entry.why, entry.refused ? "error" : ""));
  const actions = entry.refused ? { Edit: edit, Drop: remove } : { Send: sendAfterAll, Drop: remove };
  for (const [words, action] of Object.entries(actions)) {
    const button = part("button", words);
    button.onclick = () => action(entry);
    state.append(button);
  }
  return state;
}

// The text goes back into the box, in front of what is there.
function edit(entry) {
  write(box, [entry.text, box.value].filter(Boolean).join(" "));
  remove(entry);
  box.focus();
}

// It moves to the end: another text may be in flight.
function sendAfterAll(entry) {
  remove(entry);
  put({ ...entry, name, at: new Date().toISOString(), why: undefined });
}

// When the list above changes, a text may begin a group, or continue one.
const regroup = new MutationObserver(() => entries.length > 0 && keepInPlace(() => {
  let group = newestGroup;
  for (const entry of entries) {
    group = groupOf(entry, group);
    itemOf(entry).classList.toggle("again", group !== entry);
  }
}));
for (const half of log.children) regroup.observe(half, { childList: true });
