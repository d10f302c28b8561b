// The keyboard reaches the box from the log, and the log from the box.

import { log } from "./list.js";

const [box] = document.forms.compose.elements;

// Someone who begins to type while reading means the box: the browser puts the
// character where the focus is. A space scrolls the log.
log.onkeydown = (event) => {
  if ([...event.key].length === 1 && event.key !== " " && !isCommand(event)) box.focus();
};

// On Windows, AltGr (for @) is Control and Alt.
function isCommand(event) {
  return (event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState("AltGraph");
}

const pages = { PageUp: -1, PageDown: 1 };

box.addEventListener("keydown", (event) => {
  if (!(event.key in pages) || event.isComposing || event.shiftKey || isCommand(event)) return;
  event.preventDefault();
  log.scrollBy(0, pages[event.key] * 0.9 * log.clientHeight); // a line stays in view
});
