// The lab: the server sends ten snapshots a second. The page keeps those of the last
// minute, and shows one of them: the newest, or the one to which the slider points.

import { compare, tell } from "./events.js";
import { clock, ratesOf, showFigures } from "./figures.js";
import { show } from "./picture.js";
import { showRunning } from "./troubles.js";

const [status, pause, slider, moment, chat, happened] = ["status", "pause", "slider", "moment", "chat", "happened"]
  .map((id) => document.getElementById(id));

let history = []; // the snapshots of the last minute
let frozen; // the history as it was when the person paused; undefined while the page is live
let connected = false;
listen();

function listen() {
  const source = new EventSource("/lab/events");
  source.onmessage = ({ data }) => receive(JSON.parse(data));
  source.onerror = () => {
    if (connected) tell(history.at(-1).at + 1, "gone", () => "the server is gone");
    connected = false;
    showRunning([]);
    showState();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000); // this source does not try again
  };
}

function receive(snapshot) {
  const before = connected ? history.at(-1) : undefined; // a server that was gone counts from 0 again
  if (before) compare(before, snapshot);
  else if (history.length > 0) tell(snapshot.at, "back", () => "the server is back");
  history = [...history, snapshot].slice(-600); // a minute
  connected = true;
  showRunning(snapshot.troubles, snapshot.stream);
  chat.href = snapshot.chat;
  if (!frozen && !document.hidden) look(history.length - 1, before);
}

// look shows one snapshot. With the one before it, messages travel in the picture.
function look(index, before) {
  const shown = frozen ?? history; // a new array for each snapshot, so a frozen one stays
  const rates = ratesOf(shown[index], shown[Math.max(0, index - 10)]); // over a second
  show(shown[index], rates, before);
  if (!before || clock(before.at) !== clock(shown[index].at)) showFigures(shown[index], rates); // once a second is enough to read
  slider.max = shown.length - 1;
  slider.value = index;
  moment.textContent = `${clock(shown[index].at)}.${Math.floor(shown[index].at % 1000 / 100)}`;
  slider.ariaValueText = frozen ? moment.textContent : "live";
  showState();
}

function showState() {
  const [state, words] = frozen ? ["paused", "the past"] : connected ? ["live", "live"] : ["gone", "The server is gone. Please wait."];
  if (status.textContent === words) return; // or a screen reader would say it again
  status.textContent = words;
  document.body.className = state;
  pause.textContent = frozen ? "Back to live" : "Pause";
}

function lookBack(index) {
  frozen ??= history;
  look(Math.max(0, index));
}

document.getElementById("clients").ontoggle = () => history.length > 0 && look(slider.valueAsNumber);
slider.oninput = () => lookBack(slider.valueAsNumber);
pause.onclick = () => {
  frozen = frozen ? undefined : history;
  look(history.length - 1);
};

// An event leads to the last moment before it, or to the oldest one that the page still has.
happened.onclick = ({ target }) => {
  if (target.localName !== "button") return;
  if (target.value > frozen?.at(-1).at) frozen = history;
  lookBack((frozen ?? history).findLastIndex(({ at }) => at < target.value));
};
