"use strict";

const status = document.getElementById("status");
const log = document.getElementById("log");
const messages = document.getElementById("messages");
const join = document.getElementById("join");
const nameField = document.getElementById("name");
const nameError = document.getElementById("name-error");
const compose = document.getElementById("compose");
const text = document.getElementById("text");
const textError = document.getElementById("text-error");
const sendButton = compose.querySelector("button");

// A page that came over https may only open sockets that are encrypted, too.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";

let socket;
let joined = false;   // the server has said welcome on this socket
let failures = 0;     // attempts to connect since the last welcome
let unconfirmed = ""; // our text that the server has not sent back yet
let givenBack = false; // and that is in the box again, for want of a connection
let lastId = 0;       // of the newest message on the page
let silence;          // the timer that ends a connection on which nothing comes

// The name is asked for once, and remembered for the next visit.
let myName = localStorage.getItem("name") ?? "";
if (myName === "") askName("");
else connect();

join.onsubmit = (event) => {
  event.preventDefault(); // or the browser would load a new page
  myName = nameField.value;
  join.hidden = true; // or a second Enter would open a second socket
  connect();
};

function connect() {
  showStatus(false, "Connecting …");
  socket = new WebSocket(`${scheme}//${location.host}/ws`);
  socket.onopen = () => socket.send(JSON.stringify({ name: myName }));
  socket.onmessage = (event) => receiveAll(JSON.parse(event.data));
  socket.onclose = lost;
  listenFor(60);
}

// A connection can die without a word: a laptop sleeps, a phone loses the
// network. The server sends something every 25 seconds; when it does not, it
// cannot be reached, whatever the socket says.
function listenFor(seconds) {
  clearTimeout(silence);
  silence = setTimeout(lost, seconds * 1000);
}

function lost() {
  clearTimeout(silence);
  socket.onclose = null; // closing a dead connection takes long: do not wait for it
  socket.close();
  showStatus(false, "Connection lost. Trying again …");
  giveBack();
  setTimeout(connect, retryDelay(failures++));
}

// Twice as long after each failure, up to half a minute: a server in trouble
// needs rest. And not the same for everyone: after a restart of the server all
// pages would otherwise come back in the same instant, again and again.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000); // milliseconds
  return longest / 2 + Math.random() * longest / 2;
}

// The first frame is a welcome and the history. What the page shows already, it
// keeps; of the history it takes what is newer. When all of that is newer, there
// may have been more, and the page says so.
//
// A frame with nothing in it is a heartbeat, and asks for one.
function receiveAll(elements) {
  listenFor(60);
  if (elements.length === 0) return socket.send("{}");
  const [first, oldest] = elements;
  const history = first.kind === "welcome";
  if (history) readAloud(false); // fifty old messages would be a torrent
  if (history && lastId > 0 && oldest?.id > lastId && elements.length > 50) {
    messages.append(part("li", "… some messages may be missing here …"));
    messages.lastChild.className = "gap";
  }
  elements.forEach(receive);
  if (history) {
    settled(); // what is not in the history either is in the box, to be sent again
    setTimeout(readAloud, 1000, true);
  }
}

function readAloud(yes) {
  log.setAttribute("aria-live", yes ? "polite" : "off");
}

function receive(element) {
  switch (element.kind) {
    case "welcome": return welcome(element.name);
    case "chat":
    case "announcement": return show(element);
    case "error": return joined ? refused(element.text) : askName(element.text);
  }
}

function welcome(name) {
  myName = name; // as the server spells it: without spaces around it
  localStorage.setItem("name", name);
  failures = 0;
  joined = true;
  join.hidden = true;
  compose.hidden = false;
  showStatus(true, `Connected as ${name}`);
  if (document.activeElement !== log) text.focus(); // whoever reads when the page comes back reads on
}

// askName shows the form, with what the server does not like about the last
// answer. The socket is not needed until there is another answer.
function askName(error) {
  clearTimeout(silence);
  if (socket) socket.onclose = socket.onmessage = null;
  socket?.close();
  showStatus(false, "Not connected");
  compose.hidden = true;
  join.hidden = false;
  nameField.value = myName;
  nameError.textContent = error;
  nameField.focus();
}

// A text leaves the box for good only when the server has sent it back: then
// everyone has it. Until then no other one can be sent.
compose.onsubmit = (event) => {
  event.preventDefault();
  if (!joined || unconfirmed !== "" || text.value.trim() === "") return;
  socket.send(JSON.stringify({ text: text.value }));
  unconfirmed = text.value.toWellFormed(); // as it comes back: half an emoji becomes a replacement character
  text.value = "";
  textError.textContent = "";
  text.focus();      // after a click on the button, too
  log.scrollTop = 0; // the end of the log: who speaks wants to see it arrive
};

// The server tells no more than one error a second. So for a second nothing is
// sent that could be refused without a word.
function refused(error) {
  textError.textContent = error;
  sendButton.disabled = true;
  setTimeout(() => sendButton.disabled = !joined, 1100); // milliseconds
  giveBack();
  settled();
}

function giveBack() {
  if (givenBack || unconfirmed === "") return;
  text.value = [unconfirmed, text.value].filter(Boolean).join(" ");
  givenBack = true;
}

// confirmed: the text did arrive, and if the box has it again, it must not be
// sent a second time. What was typed after it stays.
function confirmed() {
  if (givenBack && text.value.startsWith(unconfirmed)) {
    text.value = text.value.slice(unconfirmed.length).trimStart();
  }
  settled();
}

function settled() {
  unconfirmed = "";
  givenBack = false;
}

function showStatus(connected, words) {
  joined = connected;
  status.textContent = words;
  status.className = connected ? "connected" : "";
  sendButton.disabled = !connected;
}

function show(message) {
  if (message.id <= lastId) return;
  lastId = message.id;
  if (message.name === myName && message.text === unconfirmed) confirmed();
  const at = new Date(message.at);
  const time = part("time", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = message.at;
  const item = document.createElement("li");
  item.className = message.kind;
  item.style.setProperty("--hue", hue(message.name));
  item.append(part("b", message.name), " ", time, " ", part("span", message.text));
  const following = log.scrollTop > -40; // pixels, counted from the end
  messages.append(item);
  if (following) log.scrollTop = 0; // whoever has scrolled up to read is left alone
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
