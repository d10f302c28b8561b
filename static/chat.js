// The two forms, and what each element of a frame means.

import { send, start, stop, welcomed } from "./connection.js";
import { add, beQuiet, lastId, leaveGap, toEnd } from "./list.js";
import { loadOlder } from "./older.js";
import { hidePresence, showPresence } from "./presence.js";

const { join, compose } = document.forms;
const [nameField] = join.elements;
const [text, sendButton] = compose.elements;
const [nameError, textError] = document.querySelectorAll(".error");
const title = document.title;

let joined = false; // the server has said welcome on this connection
let unconfirmed = ""; // our text, until the server sends it back
let givenBack = false; // whether that text is in the box again, because the connection was lost
let entered = false; // whether the first history is on the page
let missed = 0; // messages that arrived while the page was hidden

// The page asks for the name once, and remembers it for the next visit.
let myName = localStorage.getItem("name") ?? "";
if (myName === "") askName("");
else enter();

join.onsubmit = (event) => {
  event.preventDefault(); // or the browser would load a new page
  myName = nameField.value;
  join.hidden = true; // or a second Enter would open a second connection
  enter();
};

function enter() {
  start({ opened: () => send({ name: myName }), received, lost });
}

function lost() {
  setJoined(false);
  hidePresence();
  giveBack();
}

function setJoined(yes) {
  joined = yes;
  sendButton.disabled = !yes;
}

// After the welcome, the server sends the history in one frame. If all of it is
// newer than the messages on the page, there may be more in between.
function received(elements) {
  if (elements[0].kind !== "history") return elements.forEach(receive);
  const history = elements.slice(1);
  beQuiet();
  if (lastId > 0 && history[0]?.id > lastId) leaveGap();
  history.forEach(receive);
  if (!entered) setMissed(0); // these messages are old: nobody has missed them
  entered = true;
  if (givenBack) setUnconfirmed(""); // a text that did not arrive is in the box again
  loadOlder();
}

function receive(element) {
  switch (element.kind) {
    case "welcome": return welcome(element.name);
    case "chat":
    case "announcement": return show(element);
    case "here": return showPresence(element);
    case "error": return joined ? refused(element.text) : askName(element.text);
  }
}

function welcome(name) {
  myName = name;
  localStorage.setItem("name", name);
  welcomed(name);
  setJoined(true);
  join.hidden = true;
  compose.hidden = false;
  if (!entered || document.activeElement === document.body) text.focus(); // but not while somebody reads the log
}

function show(message) {
  if (!add(message)) return;
  if (message.name === myName && message.text === unconfirmed) confirmed();
  if (document.hidden) setMissed(missed + 1);
}

document.addEventListener("visibilitychange", () => setMissed(0));

function setMissed(count) {
  missed = count;
  document.title = count > 0 ? `(${count}) ${title}` : title;
}

// askName also shows why the server refused the last name.
function askName(error) {
  stop();
  setJoined(false);
  compose.hidden = true;
  join.hidden = false;
  nameField.value = myName;
  nameError.textContent = error;
  nameField.focus();
}

// When the server sends a text back, everyone has it. Until then the page keeps
// the text, and sends no other.
compose.onsubmit = (event) => {
  event.preventDefault();
  if (!joined || unconfirmed !== "" || text.value.trim() === "") return;
  send({ text: text.value });
  // As the server sends it back: without half an emoji, and with one kind of line break.
  setUnconfirmed(text.value.toWellFormed().replace(/[\u2028\u2029]/g, "\n"));
  text.value = "";
  textError.textContent = "";
  text.focus(); // also after a click on the button
  toEnd();      // to see the message arrive
};

// The server sends at most one error a second. It would refuse a text within the
// next second without a word, so the page sends none.
function refused(error) {
  textError.textContent = error;
  sendButton.disabled = true;
  setTimeout(() => sendButton.disabled = !joined, 1100);
  giveBack();
  setUnconfirmed("");
}

function giveBack() {
  if (givenBack || unconfirmed === "") return;
  text.value = [unconfirmed, text.value].filter(Boolean).join(" ");
  givenBack = true;
}

// If the text is in the box again, take it out, so that nobody sends it twice. What
// the person typed after it stays.
function confirmed() {
  if (givenBack && text.value.startsWith(unconfirmed)) {
    text.value = text.value.slice(unconfirmed.length).trimStart();
  }
  setUnconfirmed("");
}

function setUnconfirmed(words) {
  unconfirmed = words;
  givenBack = false;
  sendButton.ariaBusy = words !== "";
}
