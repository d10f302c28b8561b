// The list of messages, in a log that scrolls.

import { withLinks } from "./links.js";

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
export function build(message, before) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = message.at;
  const words = part("span", "");
  words.append(...withLinks(withoutGaps(message.text)));
  const newDay = dayOf(at) !== dayOf(before?.at ?? Date.now());
  const afterGap = before?.id <= lastBeforeGap && lastBeforeGap < message.id;
  const again = !newDay && !afterGap && sameGroup(message, before);
  const item = part("li", "", again ? `${message.kind} again` : message.kind);
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", words);
  (again ? words : time).title = at.toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
  const day = newDay && part("li", dayOf(at), "day");
  const gap = afterGap && part("li", "new since you were away", "note");
  return [day, gap, item].filter(Boolean);
}

// withoutGaps leaves at most two empty lines in a row. Otherwise, one message could
// fill everybody's screen with nothing. A line with only spaces counts as empty.
function withoutGaps(text) {
  return text.replace(/(^|\n)([^\S\n]*\n){3,}/g, "$1\n\n");
}

function dayOf(at) {
  return new Date(at).toLocaleDateString([], { dateStyle: "full" });
}

// A group has one name and time above it. Two people with the same name look like
// one person here, as everywhere: names prove nothing.
export function sameGroup(message, before) {
  const apart = Math.abs(new Date(message.at) - new Date(before?.at)); // milliseconds
  return message.name === before?.name && message.kind === before.kind && apart < 5 * 60 * 1000;
}

// A name has the same colour on every page.
function hue(name) {
  return [...name].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);
}

// textContent, never innerHTML: what people write stays text.
export function part(tag, words, kind = "") {
  const element = document.createElement(tag);
  element.className = kind;
  element.dir = "auto"; // Arabic and Hebrew start on the right
  element.textContent = words;
  return element;
}
