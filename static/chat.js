// The form that asks for a name, and what each element of a frame means.

import "./compose.js";
import { send, start, stop, welcomed } from "./connection.js";
import { showError, write } from "./field.js";
import "./keys.js";
import { add, beQuiet, keepInPlace, lastId, leaveGap, markNew, showAllAgain } from "./list.js";
import { loadOlder } from "./older.js";
import { iAm, namesMe } from "./message.js";
import { clear, confirm, refuse, sendAs } from "./outbox.js";
import { hidePresence, showPresence } from "./presence.js";
import { recall, remember } from "./storage.js";

const { join, compose } = document.forms;
const [nameField] = join.elements;
const [text] = compose.elements;
const you = document.getElementById("you");
const { title } = document;

let joined = false; // the server has said welcome on this connection
let entered = false; // the first history, which nobody has missed, is here
let missed = { count: 0, forMe: 0 }; // messages that arrived while the page was hidden

// The page asks for the name once, and remembers it for the next visit.
let myName = recall("localStorage", "name") ?? "";
if (myName === "") askName("");
else {
  showRoom(); // the person may write before the page is connected
  enter();
}

join.onsubmit = (event) => {
  event.preventDefault(); // or the browser would load a new page
  myName = nameField.value.trim();
  showError(nameField, "");
  enter();
};

// Or the page would join under the old name while the person types. (When Firefox
// restores a tab, it sends this event even for the hidden field.)
nameField.oninput = () => join.hidden || stop();

// The form stays until the welcome: a name that the server never gets is not lost.
function enter() {
  iAm(myName);
  sendAs(myName, false);
  start({ opened: () => send({ name: myName }), received, lost });
}

document.getElementById("change").onclick = () => {
  you.returnValue = ""; // Escape may leave the last one
  you.showModal();
};

you.onclose = () => {
  if (you.returnValue === "leave") {
    remember("localStorage", "name", myName = "");
    write(text, ""); // the next person here is somebody else
    clear();
  }
  if (you.returnValue) askName("");
};

function showRoom() {
  join.hidden = true;
  compose.hidden = false;
  showAllAgain();
  text.focus();
}

function lost() {
  joined = false;
  sendAs(myName, false);
  hidePresence();
}

// After the welcome, the server sends the history in one frame. If all of it is
// newer than the messages on the page, there may be more in between.
function received(elements) {
  if (elements[0].kind !== "history") return keepInPlace(() => elements.forEach(receive));
  const history = elements.slice(1);
  beQuiet();
  if (lastId > 0 && history[0]?.id > lastId) leaveGap();
  keepInPlace(() => history.forEach(receive));
  entered = true;
  sendAs(myName, true);
  loadOlder();
}

function receive(element) {
  switch (element.kind) {
    case "welcome": return welcome(element.name);
    case "chat":
    case "announcement": return show(element);
    case "here": return showPresence(element);
    case "error": return receiveError(element);
  }
}

function receiveError(error) {
  if (!joined) askName(error.text);
  else if (error.ref) refuse(error);
  else showError(text, error.text); // it is not about one text
}

function welcome(name) {
  myName = name;
  iAm(name);
  welcomed(name);
  joined = true;
  if (!compose.hidden) return; // only the form sets the name for other tabs
  remember("localStorage", "name", name);
  showRoom();
}

// The answer to a repeated text has an old id, and add ignores it. confirm must not.
function show(message) {
  const mine = confirm(message.ref);
  if (add(message, mine) && !mine && document.hidden && entered) miss(message);
}

document.addEventListener("visibilitychange", () => {
  markNew(missed.first); // when the page becomes hidden, missed is empty, so the line goes
  missed = { count: 0, forMe: 0 };
  document.title = title;
});

function miss(message) {
  missed.first ??= message.id;
  missed.count++;
  if (namesMe(message)) missed.forMe++;
  const forMe = missed.forMe > 0 ? `, ${missed.forMe} for you` : "";
  document.title = `(${missed.count}${forMe}) ${title}`;
}

// askName also shows why the server refused the last name.
function askName(error) {
  stop();
  lost();
  compose.hidden = true;
  join.hidden = false;
  nameField.value = myName;
  showError(nameField, error);
  nameField.focus();
}
