// How one message looks.

import { withLinks } from "./links.js";

let me; // the name under which the person writes
let meAsWord = /(?!)/; // matches nothing yet

// A message is the person's own if it has their name. Names prove nothing: somebody
// else may have the same one. No letter, accent or digit may touch the name, so it is
// not found in scripts without spaces.
export function iAm(name) {
  me = name;
  const literally = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const letter = String.raw`[\p{L}\p{M}\p{N}_]`;
  meAsWord = new RegExp(`((?<!${letter}@?)@?${literally}(?!${letter}))`, "iu");
}

// namesMe reports whether somebody else's message has the person's name in it.
export function namesMe({ name, text }) {
  return name !== me && withLinks(text).some((part) => typeof part === "string" && meAsWord.test(part));
}

// In a group, a message comes again under the name and the time of the first one.
export function messageItem(message, again) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = message.at;
  const words = part("span", "");
  const own = message.name === me;
  const parts = withLinks(withoutGaps(message.text));
  words.append(...own ? parts : parts.flatMap(withMarks));
  const item = part("li", "", message.kind);
  item.classList.toggle("again", again);
  item.classList.toggle("own", own);
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", words);
  (again ? words : time).title = at.toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
  return item;
}

// withMarks marks the person's name, but not in a link. With a dir, a mark would not
// count for the text's direction.
function withMarks(words) {
  if (typeof words !== "string") return words;
  return words.split(meAsWord).map((words, i) => i % 2 === 0 ? words : part("mark", words, "", ""));
}

// withoutGaps leaves at most two empty lines in a row, or one message could fill
// the screen. A line with only spaces counts as empty.
function withoutGaps(text) {
  return text.replace(/(^|\n)([^\S\n]*\n){3,}/g, "$1\n\n");
}

export function dayOf(at) {
  return new Date(at).toLocaleDateString([], { dateStyle: "full" });
}

// groupOf returns the first message of the group that the message belongs to. It ends
// after five minutes, or people would see no time while somebody goes on talking.
export function groupOf(message, group) {
  const apart = Math.abs(new Date(message.at) - new Date(group?.at)); // milliseconds
  return message.name === group?.name && message.kind === group.kind && apart < 5 * 60 * 1000 ? group : message;
}

// A name has the same colour on every page.
function hue(name) {
  return [...name].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);
}

// textContent, never innerHTML: what people write stays text.
export function part(tag, words, kind = "", dir = "auto") {
  const element = document.createElement(tag);
  element.className = kind;
  element.dir = dir; // Arabic and Hebrew start on the right
  element.textContent = words;
  return element;
}
