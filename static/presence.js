// Presence: a list in the header, and a line in the log when somebody comes or leaves.

import { note } from "./list.js";
import { part } from "./message.js";

const presence = document.getElementById("presence");
const [summary, list] = presence.children;
const cut = 50; // a list with this many names may be incomplete

const { compare } = new Intl.Collator(); // the server compares bytes: for it, Zoe comes before ada

let known = []; // the names in the last list

export function showPresence({ names, count }) {
  presence.hidden = false;
  summary.textContent = `${count} here`;
  list.replaceChildren(...names.toSorted(compare).map((name) => part("li", name)));
  if (known.length > 0 && known.length < cut && names.length < cut) {
    tell(names.filter((name) => !known.includes(name)), "came");
    tell(known.filter((name) => !names.includes(name)), "left");
  }
  known = names;
}

function tell(names, what) {
  if (names.length > 0) note(`\u2068${names.join("\u2069, \u2068")}\u2069 ${what}`);
}

// Without a connection, the page does not know who comes and leaves.
export function hidePresence() {
  presence.hidden = true;
  known = [];
}
