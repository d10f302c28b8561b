// Older messages are loaded when one scrolls up to their place.

import { addOlder, log, oldest } from "./list.js";

let mayAsk = true;

log.addEventListener("scroll", loadOlder);

export async function loadOlder() {
  const above = log.scrollHeight - log.clientHeight + log.scrollTop;
  if (!mayAsk || above > 100) return;
  mayAsk = false;
  try {
    const response = await fetch(`/history?before=${oldest.id}`);
    const messages = await response.json(); // an error is not JSON
    if (messages.length > 0) addOlder(messages);
    mayAsk = messages.length === 50;
    loadOlder();
  } catch {
    setTimeout(() => {
      mayAsk = true;
      loadOlder();
    }, 3000);
  }
}
