// Who is here: a list in the header, and a line in the log for who comes or goes.

import { note, part } from "./list.js";

const presence = document.getElementById("presence");
const [summary, list] = presence.children;
const cut = 50; // a list of so many names may not be whole

let known = []; // the names in the last list

export function showPresence({ names, count }) {
  presence.hidden = false;
  summary.textContent = `${count} here`;
  list.replaceChildren(...names.map((name) => part("li", name)));
  if (known.length > 0 && known.length < cut && names.length < cut) {
    tell(names.filter((name) => !known.includes(name)), "came");
    tell(known.filter((name) => !names.includes(name)), "left");
  }
  known = names;
}

function tell(names, what) {
  if (names.length > 0) note(`\u2068${names.join("\u2069, \u2068")}\u2069 ${what}`);
}

// Without a connection nobody knows who comes and goes.
export function hidePresence() {
  presence.hidden = true;
  known = [];
}
