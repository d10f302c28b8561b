// The keyboard reaches the box from the log, and the log from the box.

import { log } from "./list.js";

const [box] = document.forms.compose.elements;

// Someone who begins to type while reading means the box: the browser puts the
// character where the focus is. A space scrolls the log, as everywhere.
log.onkeydown = ({ key, ctrlKey, altKey, metaKey }) => {
  if ([...key].length === 1 && key !== " " && !ctrlKey && !altKey && !metaKey) box.focus();
};

const pages = { PageUp: -1, PageDown: 1 };

box.addEventListener("keydown", (event) => {
  const { key, shiftKey, ctrlKey, altKey, metaKey } = event;
  if (!(key in pages) || shiftKey || ctrlKey || altKey || metaKey) return;
  event.preventDefault();
  log.scrollBy(0, pages[key] * 0.9 * log.clientHeight); // a line or two stay in view
});
