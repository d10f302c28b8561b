// The list of messages, in a log that scrolls.

import { dayOf, messageItem, part, sameGroup } from "./message.js";

export const log = document.getElementById("log");
const [messages] = log.children;
const news = document.getElementById("news");

export let lastId = 0; // of the newest message, also of one that is kept aside
export let newest; // the newest message in the list
export let oldest; // the first message on the page
let oldestItems; // the elements that show it
let unseen = 0; // messages that arrived while the reader was further up
let aside; // messages after a gap, until they become the list
let lastBeforeGap = 0; // an id

news.onclick = toEnd;
log.onscroll = () => {
  if (!atEnd()) return;
  showNews(0);
  if (aside) toEnd();
};

// add reports whether the message is new to the page. If it is mine, the reader knows
// it from the outbox, and a screen reader has read it out there.
export function add(message, mine) {
  if (message.id <= lastId) return false;
  lastId = message.id;
  const following = atEnd();
  if (aside) aside.push(message);
  else append(message, mine);
  if (following) toEnd();
  else if (!mine) showNews(unseen + 1);
  return true;
}

function append(message, mine) {
  const items = build(message, newest);
  if (mine) items.at(-1).ariaLive = "off";
  keepInPlace(() => messages.append(...items));
  oldest ??= message;
  oldestItems ??= items;
  newest = message;
}

// leaveGap says that messages may be missing before the next one. Nothing could fill
// a gap inside the list. So the list starts anew after it, and older messages load when
// the reader scrolls up. Someone who reads further up keeps the old list for now.
export function leaveGap() {
  if (!aside) lastBeforeGap = lastId;
  aside = [];
}

function startAnew() {
  const list = aside;
  aside = newest = oldest = oldestItems = undefined;
  beQuiet();
  messages.replaceChildren();
  list.forEach((message) => append(message));
}

// addOlder builds the oldest message again, because it may now continue a day or a
// group. The messages in view stay in place: the browser counts from the end.
export function addOlder(older) {
  beQuiet();
  const all = [...older, oldest];
  const items = all.map((message, i) => build(message, all[i - 1]));
  oldestItems.forEach((item) => item.remove());
  messages.prepend(...items.flat());
  oldest = all[0];
  oldestItems = items[0];
}

// What someone reads further up stays in place, although its distance from the end changes.
export function keepInPlace(change) {
  const { scrollTop, scrollHeight } = log;
  change();
  if (scrollTop < 0) log.scrollTop = scrollTop + scrollHeight - log.scrollHeight;
}

// note adds a line that is not a message.
export function note(words) {
  const following = atEnd();
  keepInPlace(() => messages.append(part("li", words, "note")));
  if (following) toEnd();
  newest = { at: newest?.at }; // a new group begins, not a new day
}

function atEnd() {
  return log.scrollTop > -40; // pixels, counted from the end
}

export function toEnd() {
  if (aside) startAnew();
  log.scrollTop = 0;
}

// If the button has the focus when it disappears, the log gets it.
function showNews(count) {
  if (count === 0 && document.activeElement === news) log.focus();
  unseen = count;
  news.hidden = count === 0;
  news.textContent = count === 1 ? "1 new message" : `${count} new messages`;
}

// A screen reader should not read out fifty old messages.
export function beQuiet() {
  log.ariaLive = "off";
  setTimeout(() => log.ariaLive = "polite", 1000);
}

// build makes the item for a message, and lines above it if another day begins, or if
// it is the first one after a gap. For the first message, the day before is today.
function build(message, before) {
  const day = dayOf(message.at);
  const newDay = day !== dayOf(before?.at ?? Date.now());
  const afterGap = before?.id <= lastBeforeGap && lastBeforeGap < message.id;
  return [
    newDay && part("li", day, "day"),
    afterGap && part("li", "new since you were away", "note"),
    messageItem(message, !newDay && !afterGap && sameGroup(message, before)),
  ].filter(Boolean);
}
