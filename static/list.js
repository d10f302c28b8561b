// The list of messages, in a log that scrolls.

import { dayOf, groupOf, messageItem, part } from "./message.js";

export const log = document.getElementById("log");
const [messages] = log.children;
const news = document.getElementById("news");

const most = 500; // messages: with thousands, each new one would keep the browser busy
const tooMany = most + 50; // to take many away at once is not more work than to take one

export let lastId = 0; // of the newest message, also of one that is kept aside
export let newestGroup; // the first message of the last group
let shown = []; // the messages in the list and their elements, oldest first
let unseen = 0; // messages that arrived while the reader was further up
let aside; // messages that wait until the reader comes to the end
let gap = false; // other messages may be missing before those
let lastBeforeGap = 0; // an id, as newFrom
let newFrom; // the first message that came while the page was hidden
let changing = false;
let following; // the reader was at the end before the change

news.onclick = toEnd;
log.onscroll = () => {
  const end = atEnd();
  if (end) keepTheNewest();
  showNews(end ? 0 : unseen, end);
};

// add reports whether the message is new to the page. If it is mine, the reader knows
// it from the outbox, and a screen reader has read it out there.
export function add(message, mine) {
  if (message.id <= lastId) return false;
  lastId = message.id;
  keepInPlace(() => {
    if (!following && unseen >= most) aside ??= [];
    if (aside) aside.push(message);
    else append(message, mine);
    if (!following && !mine) showNews(unseen + 1, false);
  });
  return true;
}

function append(message, mine) {
  const entry = show(message, newestGroup);
  if (mine) entry.items.at(-1).ariaLive = "off";
  messages.append(...entry.items);
  shown.push(entry);
  newestGroup = entry.group;
}

export function oldest() {
  return shown[0]?.message;
}

// leaveGap says that messages may be missing before the next one. Nothing could fill
// a gap inside the list. So the list starts anew after it, and older messages load when
// the reader scrolls up. Someone who reads further up keeps the old list for now.
export function leaveGap() {
  lastBeforeGap = shown.at(-1).message.id;
  gap = true;
  aside = [];
}

// The older ones load again when the reader scrolls up. This must not take away what
// somebody reads, so it is only for the end of the log.
function keepTheNewest() {
  if (aside) startAnew();
  if (shown.length < tooMany) return;
  shown = shown.slice(-most);
  while (messages.firstChild !== shown[0].items[0]) messages.firstChild.remove();
  beginWith([]);
}

function startAnew() {
  const list = gap ? aside : [...shown.map(({ message }) => message), ...aside];
  aside = newestGroup = undefined;
  gap = false;
  shown = [];
  beQuiet();
  messages.replaceChildren();
  list.slice(-most).forEach((message) => append(message));
}

// The messages in view stay in place: the browser counts from the end.
export function addOlder(older) {
  beQuiet();
  beginWith(older);
}

// The oldest message may now continue a day or a group, or begin the list. Those after
// it stay as they are: in other groups, they would move the text that somebody reads.
function beginWith(older) {
  const entries = [];
  for (const message of older) entries.push(show(message, entries.at(-1)?.group));
  messages.prepend(...entries.flatMap(({ items }) => items));
  shown[0].before = entries.at(-1)?.group;
  showAgain(shown[0]);
  shown.unshift(...entries);
}

// markNew puts the line "new" above the message with this id, and nowhere else.
export function markNew(id) {
  const marked = shown.filter(({ message }) => message.id === newFrom || message.id === id);
  newFrom = id;
  keepInPlace(() => marked.forEach(showAgain));
}

function show(message, before) {
  return { message, before, ...build(message, before) };
}

// A screen reader has read this message before.
function showAgain(entry) {
  const { items } = entry;
  Object.assign(entry, build(entry.message, entry.before));
  entry.items.forEach((item) => item.ariaLive = "off");
  items[0].before(...entry.items);
  items.forEach((item) => item.remove());
}

// keepInPlace makes a change in the log. A reader at the end stays there; for others,
// what they read stays in place, although its distance from the end changes. When a
// script asks for a position, the browser has to lay out the log first. So all that a
// frame brings is one change, with the changes inside it.
export function keepInPlace(change) {
  if (changing) return change();
  const { scrollTop, scrollHeight } = log;
  following = atEnd();
  changing = true;
  try {
    change();
  } finally {
    changing = false;
  }
  if (!following) log.scrollTop = scrollTop + scrollHeight - log.scrollHeight;
  else if (scrollTop < 0) toEnd();
  else keepTheNewest();
}

// note adds a line that is not a message.
export function note(words) {
  keepInPlace(() => messages.append(part("li", words, "note")));
  newestGroup = { at: newestGroup?.at }; // a new group begins, not a new day
}

function atEnd() {
  return log.scrollTop > -40; // pixels, counted from the end
}

export function toEnd() {
  keepTheNewest();
  log.scrollTop = 0;
}

// The button leads to the end. If it has the focus when it disappears, the log gets it.
function showNews(count, end) {
  if (end && document.activeElement === news) log.focus();
  unseen = count;
  news.hidden = end;
  news.textContent = count === 0 ? "↓" : count === 1 ? "1 new message" : `${count} new messages`;
  news.ariaLabel = count === 0 ? "To the newest message" : null;
}

// A screen reader should not read out fifty old messages.
export function beQuiet() {
  log.ariaLive = "off";
  setTimeout(() => log.ariaLive = "polite", 1000);
}

// build makes the item for a message, and lines above it if another day begins, or if
// it is the first one after an absence. before is the group before it, which is of one
// day. For the first message, the day before is today.
function build(message, before) {
  const day = dayOf(message.at);
  const newDay = day !== dayOf(before?.at ?? Date.now());
  const isNew = message.id === newFrom;
  const afterGap = before?.id <= lastBeforeGap && lastBeforeGap < message.id;
  const group = newDay || isNew || afterGap ? message : groupOf(message, before);
  const items = [
    newDay && part("li", day, "day"),
    isNew ? part("li", "new", "new") : afterGap && part("li", "new since you were away", "note"),
    messageItem(message, group !== message),
  ].filter(Boolean);
  return { group, items };
}
