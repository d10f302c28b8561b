// The list of messages, in a log that scrolls.

import { dayOf, groupOf, messageItem, part } from "./message.js";

export const log = document.getElementById("log");
const [messages] = log.children;
const news = document.getElementById("news");

const most = 500; // messages: with thousands, each new one would be slow
const tooMany = most + 50; // taking many away is not more work than taking one

export let lastId = 0; // of the newest message, also of one that is kept aside
export let newestGroup; // the first message of the last group
let shown = []; // messages and their elements, oldest first
let unseen = 0; // messages that came while the reader was further up
let aside; // messages that wait until the reader comes to the end
let gap = false; // other messages may be missing before those
let lastBeforeGap = 0; // an id
let newFrom; // the first id that came while the page was hidden
const notes = []; // elements
let quiet; // a timer
let changing = false;
let following; // the reader was at the end before the change

news.onclick = toEnd;
log.onscroll = () => {
  const end = atEnd();
  if (end) keepTheNewest();
  showNews(end ? 0 : unseen, end);
};

// add reports whether the message is new. If it is mine, the outbox has shown it before.
export function add(message, mine) {
  if (message.id <= lastId) return false;
  lastId = message.id;
  keepInPlace(() => {
    if (!following && unseen >= most) aside ??= [];
    if (!aside) append(message, mine);
    else if (aside.push(message) > tooMany) aside = aside.slice(-most);
    if (!following && !mine) showNews(unseen + 1, false);
  });
  return true;
}

function append(message, mine) {
  const entry = entryFor(message, newestGroup);
  if (mine) entry.items.at(-1).ariaLive = "off";
  messages.append(...entry.items);
  shown.push(entry);
  newestGroup = entry.group;
}

export const oldest = () => shown[0]?.message;

// leaveGap says that messages may be missing before the next one. Nothing could fill
// a gap inside the list, so it starts anew when the reader is at the end.
export function leaveGap() {
  lastBeforeGap = shown.at(-1).message.id;
  gap = true;
  aside = [];
}

// The older ones load again when the reader scrolls up. Only at the end of the log, or
// it would take away what somebody reads.
function keepTheNewest() {
  if (aside) startAnew();
  notes.splice(0, notes.length - most).forEach((old) => old.remove());
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

// The oldest message may now continue a day or a group. The others stay as they are, or
// they would move what somebody reads.
function beginWith(older) {
  const entries = [];
  for (const message of older) entries.push(entryFor(message, entries.at(-1)?.group));
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

function entryFor(message, before) {
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

// Under a new name, other messages are own. A log that was hidden has lost its place.
export function showAllAgain() {
  shown.forEach(showAgain);
  toEnd();
}

// keepInPlace makes a change in the log. A reader at the end stays there; for others,
// what they read stays in place. To tell a position, the browser lays out the log first,
// so all that a frame brings is one change.
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
  keepInPlace(() => {
    if (!following && notes.length > tooMany) return;
    notes.push(part("li", words, "note"));
    messages.append(notes.at(-1));
  });
  newestGroup = { at: newestGroup?.at }; // a new group begins, not a new day
}

const atEnd = () => log.scrollTop > -40; // pixels, counted from the end

export function toEnd() {
  keepTheNewest();
  log.scrollTop = 0;
  showNews(0, true);
}

// If the button has the focus when it disappears, the log gets it.
function showNews(count, end) {
  if (end && document.activeElement === news) log.focus();
  unseen = count;
  news.hidden = end;
  news.textContent = count === 0 ? "↓" : count === 1 ? "1 new message" : `${count} new messages`;
  news.ariaLabel = count ? null : "To the newest message";
}

// A screen reader should not read out old messages.
export function beQuiet() {
  log.ariaLive = "off";
  clearTimeout(quiet);
  quiet = setTimeout(() => log.ariaLive = "polite", 1000);
}

// build makes the item for a message, and the lines above it. before is the group before
// it. For the first message, the day before is today.
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
