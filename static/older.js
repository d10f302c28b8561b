// Older messages are loaded when the reader scrolls up to their place.

import { addOlder, log, oldest } from "./list.js";

let asked; // the oldest message when the page last asked

log.addEventListener("scroll", loadOlder);

export async function loadOlder() {
  const above = log.scrollHeight - log.clientHeight + log.scrollTop;
  if (!oldest || oldest === asked || above > 100) return;
  const first = asked = oldest;
  const messages = await messagesBefore(first.id);
  if (oldest !== first) return; // the list has started anew: its place is gone
  if (messages) {
    if (messages.length > 0) addOlder(messages); // an empty answer: that was the beginning
    loadOlder();
  } else {
    setTimeout(() => {
      asked = undefined;
      loadOlder();
    }, 3000);
  }
}

// messagesBefore returns undefined if the server does not answer, or answers with an error.
async function messagesBefore(id) {
  try {
    const response = await fetch(`/history?before=${id}`);
    return response.ok ? await response.json() : undefined;
  } catch {
    // no connection, or an answer that is not JSON, such as a proxy's own page
  }
}
