// Older messages are loaded when the reader scrolls up to their place.

import { addOlder, log, oldest } from "./list.js";

let mayAsk = true;

log.addEventListener("scroll", loadOlder);

export async function loadOlder() {
  const above = log.scrollHeight - log.clientHeight + log.scrollTop;
  if (!mayAsk || !oldest || above > 100) return;
  mayAsk = false;
  const messages = await messagesBefore(oldest.id);
  if (messages) {
    if (messages.length > 0) addOlder(messages);
    mayAsk = messages.length > 0; // an empty answer: that was the beginning
    loadOlder();
  } else {
    setTimeout(() => {
      mayAsk = true;
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
