// The list of messages, in the log that scrolls.

import { withLinks } from "./links.js";

const log = document.getElementById("log");
const messages = document.getElementById("messages");
const news = document.getElementById("news"); // a button

export let lastId = 0; // of the newest message on the page
let newest;            // that message
let unseen = 0;        // messages that came while the reader was further up

news.onclick = toEnd;
log.onscroll = () => {
  if (atEnd()) showNews(0);
};

// add tells whether the message was new to the page.
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

// What someone reads further up stays in its place. scrollTop counts from the
// end, which is further away now.
function append(...items) {
  const { scrollTop, scrollHeight } = log;
  messages.append(...items);
  if (scrollTop < 0) log.scrollTop = scrollTop + scrollHeight - log.scrollHeight;
}

// note adds a line that nobody has said.
export function note(words) {
  const following = atEnd();
  append(line("note", words));
  if (following) toEnd();
  newest = { at: newest?.at }; // a new group begins, not a new day
}

function atEnd() {
  return log.scrollTop > -40; // pixels, counted from the end
}

export function toEnd() {
  log.scrollTop = 0;
}

// A button that goes leaves the focus to the log, not to nobody.
function showNews(count) {
  if (count === 0 && document.activeElement === news) log.focus();
  unseen = count;
  news.hidden = count === 0;
  news.textContent = count === 1 ? "1 new message" : `${count} new messages`;
}

// Fifty old messages, read out, would be a torrent.
export function beQuiet() {
  log.ariaLive = "off";
  setTimeout(() => log.ariaLive = "polite", 1000); // milliseconds
}

// build makes the item for a message, and a line above it where another day than
// that of the message before begins; before the first one was today.
function build(message, before) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = message.at;
  const words = part("span", "");
  words.append(...withLinks(message.text));
  const newDay = dayOf(at) !== dayOf(before?.at ?? Date.now());
  const again = !newDay && sameGroup(message, before);
  const item = line(again ? `${message.kind} again` : message.kind, "");
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", words);
  (again ? words : time).title = at.toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
  return newDay ? [line("day", dayOf(at)), item] : [item];
}

function dayOf(at) {
  return new Date(at).toLocaleDateString([], { dateStyle: "full" });
}

// Name and time stand over a group. Names prove nothing: two people of one name
// look like one here, as everywhere.
function sameGroup(message, before) {
  const apart = Math.abs(new Date(message.at) - new Date(before?.at)); // milliseconds
  return message.name === before?.name && message.kind === before.kind && apart < 5 * 60 * 1000;
}

function line(kind, words) {
  const item = part("li", words);
  item.className = kind;
  return item;
}

// A name has the same colour on every page.
function hue(name) {
  return [...name].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);
}

// textContent, never innerHTML: what people write is text, not markup.
export function part(tag, words) {
  const element = document.createElement(tag);
  element.dir = "auto"; // Arabic and Hebrew begin on the right
  element.textContent = words;
  return element;
}
