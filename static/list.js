// The list of messages, and the log that scrolls it.

import { withLinks } from "./links.js";

const log = document.getElementById("log");
const messages = document.getElementById("messages");
const news = document.getElementById("news"); // the button below the log

export let lastId = 0; // of the newest message on the page
let newest;            // that message
let unseen = 0;        // messages that came while the reader was further up

news.onclick = toEnd;
log.onscroll = () => {
  if (atEnd()) showNews(0);
};

// add shows a message, unless it is on the page already, and tells whether it
// was new.
export function add(message) {
  if (message.id <= lastId) return false;
  const following = atEnd();
  append(...build(message, newest));
  lastId = message.id;
  newest = message;
  if (following) toEnd();
  else showNews(unseen + 1);
  return true;
}

// Whoever has scrolled up to read is left alone. The browser counts from the
// end, which is further away now: so what is in view is further from it, too.
function append(...items) {
  const { scrollTop, scrollHeight } = log;
  messages.append(...items);
  if (scrollTop < 0) log.scrollTop = scrollTop + scrollHeight - log.scrollHeight;
}

export function addGap() {
  append(line("gap", "… some messages may be missing here …"));
  newest = { at: newest.at }; // a new group begins, not a new day
}

function atEnd() {
  return log.scrollTop > -40; // pixels, counted from the end
}

export function toEnd() {
  log.scrollTop = 0;
}

// A hidden button cannot keep the focus: the log takes it, and End and Home work.
function showNews(count) {
  if (count === 0 && document.activeElement === news) log.focus();
  unseen = count;
  news.hidden = count === 0;
  news.textContent = count === 1 ? "1 new message" : `${count} new messages`;
}

export function readAloud(yes) {
  log.setAttribute("aria-live", yes ? "polite" : "off");
}

// build makes the item for a message, and a line above it where another day
// begins. What depends on the message before it comes from there, so it can be
// built wherever it belongs. The first one is compared with today.
function build(message, before) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = message.at;
  const words = part("span", "");
  words.append(...withLinks(message.text));
  const item = part("li", "");
  const newDay = dayOf(at) !== dayOf(before?.at ?? Date.now());
  const again = !newDay && sameGroup(message, before);
  item.className = again ? `${message.kind} again` : message.kind;
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", words);
  (again ? words : time).title = at.toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
  return newDay ? [line("day", dayOf(at)), item] : [item];
}

function dayOf(at) {
  return new Date(at).toLocaleDateString([], { dateStyle: "full" });
}

// Name and time stand over the first message of a group. Names prove nothing: two
// people of one name who talk to each other look like one here, as everywhere.
function sameGroup(message, before) {
  const apart = Math.abs(new Date(message.at) - new Date(before?.at)); // milliseconds
  return message.name === before?.name && message.kind === before.kind && apart < 5 * 60 * 1000;
}

// line makes a line that stands between two messages.
function line(kind, words) {
  const item = part("li", words);
  item.className = kind;
  return item;
}

// A name has the same colour on every page.
function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 360;
  return sum;
}

// textContent, never innerHTML: what people write is text, not markup.
function part(tag, words) {
  const element = document.createElement(tag);
  element.dir = "auto"; // Arabic and Hebrew begin on the right
  element.textContent = words;
  return element;
}
