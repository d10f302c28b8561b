// The two forms, and what each element of a frame means.

import { send, start, stop, welcomed } from "./connection.js";
import { add, beQuiet, lastId, note, toEnd } from "./list.js";
import { loadOlder } from "./older.js";
import { hidePresence, showPresence } from "./presence.js";

const { join, compose } = document.forms;
const [nameField] = join.elements;
const [text, sendButton] = compose.elements;
const [nameError, textError] = document.querySelectorAll(".error");
const title = document.title;

let joined = false; // the server has said welcome on this connection
let unconfirmed = ""; // our text that the server has not sent back yet
let givenBack = false; // and that is in the box again, for want of a connection
let entered = false; // the first history is on the page
let missed = 0; // messages that came while the page was hidden

// The name is asked for once, and remembered for the next visit.
let myName = localStorage.getItem("name") ?? "";
if (myName === "") askName("");
else enter();

join.onsubmit = (event) => {
  event.preventDefault(); // or the browser would load a new page
  myName = nameField.value;
  join.hidden = true; // or a second Enter would open a second socket
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

// The first frame is a welcome and the history. When all of that is newer than
// what the page shows, there may have been more.
function received(elements) {
  if (elements[0].kind !== "welcome") return elements.forEach(receive);
  beQuiet();
  const mayLack = lastId > 0 && elements[1]?.id > lastId && elements.length > 50;
  if (mayLack) note("… some messages may be missing here …");
  elements.forEach(receive);
  if (!entered) setMissed(0); // nobody has missed what was there before
  entered = true;
  setUnconfirmed(""); // what did not arrive is in the box again
  if (elements.length > 50) loadOlder();
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
  if (!entered || document.activeElement === document.body) text.focus(); // who reads, reads on
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

// askName also says what the server does not like about the last answer.
function askName(error) {
  stop();
  setJoined(false);
  compose.hidden = true;
  join.hidden = false;
  nameField.value = myName;
  nameError.textContent = error;
  nameField.focus();
}

// A text leaves the box for good when the server has sent it back: then everyone
// has it. Until then no other one can be sent.
compose.onsubmit = (event) => {
  event.preventDefault();
  if (!joined || unconfirmed !== "" || text.value.trim() === "") return;
  send({ text: text.value });
  setUnconfirmed(text.value.toWellFormed()); // as it comes back: without half an emoji
  text.value = "";
  textError.textContent = "";
  text.focus(); // after a click on the button, too
  toEnd();      // who speaks wants to see it arrive
};

// The server tells no more than one error a second. So for a second nothing is
// sent that could be refused without a word.
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

// If the box has the text again, it must not be sent twice. What was typed after
// it stays.
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
