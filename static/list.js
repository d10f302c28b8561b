// The list of messages, and the log that scrolls it.

const log = document.getElementById("log");
const messages = document.getElementById("messages");

export let lastId = 0; // of the newest message on the page

// add shows a message, unless it is on the page already, and tells whether it
// was new.
export function add(message) {
  if (message.id <= lastId) return false;
  lastId = message.id;
  const following = log.scrollTop > -40; // pixels, counted from the end
  messages.append(build(message));
  if (following) toEnd(); // whoever has scrolled up to read is left alone
  return true;
}

export function addGap() {
  messages.append(part("li", "… some messages may be missing here …"));
  messages.lastChild.className = "gap";
}

export function toEnd() {
  log.scrollTop = 0;
}

export function readAloud(yes) {
  log.setAttribute("aria-live", yes ? "polite" : "off");
}

function build(message) {
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = message.at;
  const item = document.createElement("li");
  item.className = message.kind;
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", part("span", message.text));
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
