// The list of messages, and the log that scrolls it.

const log = document.getElementById("log");
const messages = document.getElementById("messages");
const news = document.getElementById("news"); // the button below the log

export let lastId = 0; // of the newest message on the page
let newest;            // that message, unless a gap has come after it
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
  append(build(message, newest));
  lastId = message.id;
  newest = message;
  if (following) toEnd();
  else showNews(unseen + 1);
  return true;
}

// Whoever has scrolled up to read is left alone. The browser counts from the
// end, which is further away now: so what is in view is further from it, too.
function append(item) {
  const { scrollTop, scrollHeight } = log;
  messages.append(item);
  if (scrollTop < 0) log.scrollTop = scrollTop + scrollHeight - log.scrollHeight;
}

export function addGap() {
  const item = part("li", "… some messages may be missing here …");
  item.className = "gap";
  append(item);
  newest = undefined;
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

// build makes the item for a message. What depends on the message before it
// comes from there, so that it can be built wherever it belongs.
function build(message, before) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = message.at;
  const item = document.createElement("li");
  item.className = message.kind;
  item.classList.toggle("again", Boolean(before) && sameGroup(message, before));
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", part("span", message.text));
  return item;
}

// Name and time stand over the first message of a group. Names prove nothing: two
// people of one name who talk to each other look like one here, as everywhere.
function sameGroup(message, before) {
  const apart = Math.abs(new Date(message.at) - new Date(before.at)); // milliseconds
  return message.name === before.name && message.kind === before.kind && apart < 5 * 60 * 1000;
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
