// Older messages are loaded when the reader scrolls up to their place.

import { addOlder, log, oldest } from "./list.js";

let asked; // the message for which the page waits, or which is the very first

log.addEventListener("scroll", loadOlder);

export async function loadOlder() {
  const first = oldest();
  const above = log.scrollHeight - log.clientHeight + log.scrollTop;
  if (!first || first === asked || above > 100 || !log.clientHeight) return; // a hidden log has no height
  asked = first;
  const messages = await messagesBefore(first.id);
  if (oldest() !== first) return; // the list begins elsewhere now
  if (messages?.length === 0) return; // that was the beginning
  if (messages) {
    asked = undefined; // the list may begin with this message again
    addOlder(messages);
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
    const response = await fetch(`/history?before=${id}`, { signal: AbortSignal.timeout(30000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    // no connection, or an answer that is not JSON, such as a proxy's own page
  }
}
