// The box in which a person writes, until the text goes to the outbox.

import { showError, write } from "./field.js";
import { toEnd } from "./list.js";
import { say } from "./outbox.js";
import { recall, remember } from "./storage.js";

const { compose } = document.forms;
const [box] = compose.elements;
const count = document.getElementById("text-count");

const maxText = 2000; // characters, as the server counts them
const fewLeft = 200;

let pause; // the timer that ends when the person stops typing
let shift = false; // a Shift key is down: iOS sets shiftKey without one

// A draft survives a reload. A duplicated tab starts with a copy.
box.value = recall("sessionStorage", "draft") ?? "";
showCount();

document.onkeydown = document.onkeyup = ({ key, type }) => {
  if (key === "Shift") shift = type === "keydown";
};

// An Enter that ends a composition, such as Japanese letters, is not for the page.
// In Safari the composition is over by then: only the key code tells.
box.onkeydown = (event) => {
  if (event.key !== "Enter" || shift && event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault(); // no line break
  compose.requestSubmit();
};

compose.onsubmit = (event) => {
  event.preventDefault();
  box.focus(); // also after a click on the button
  if (!box.value.trim()) return;
  showCount();
  if (length() > maxText) return showError(box, "not sent: this text is too long");
  say(box.value.toWellFormed()); // without half an emoji, as the server sends it back
  write(box, "");
  toEnd();
};

// The count waits for a pause, or a screen reader would read out every number.
box.oninput = () => {
  remember("sessionStorage", "draft", box.value);
  clearTimeout(pause);
  pause = setTimeout(showCount, 500);
};

function showCount() {
  const left = maxText - length();
  count.className = left < 0 ? "error" : "";
  count.textContent = left < 0 ? `Too long by ${-left}` : left <= fewLeft ? `Characters left: ${left}` : "";
}

function length() {
  return [...box.value].length; // an emoji counts as one, but its .length is 2
}
