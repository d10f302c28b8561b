// The connection: connecting, noticing a lost connection, and reconnecting.

const status = document.getElementById("status");
const [words, details] = status.children; // screen readers do not read the details
const joinStatus = document.getElementById("join-status");
const tryNow = document.getElementById("try-now");

const noAnswer = ": the server does not answer";

let handlers; // opened, received and lost, of chat.js
let socket;
let heard; // when its last frame arrived
let silence; // the timer that gives up a silent connection
let failures; // since the last welcome
let reason = ""; // of the last failure, if the page knows it
let attempts = 0;
let retry; // the timer until the next attempt

export function start(ofChat) {
  handlers = ofChat;
  failures = 0;
  connect();
}

function connect() {
  drop();
  attempts++;
  showTrouble("Connecting …");
  socket = new WebSocket("/ws"); // with ws: or wss:, like the page with http: or https:
  socket.onopen = opened;
  socket.onmessage = (event) => received(JSON.parse(event.data));
  socket.onclose = refused;
  listen(10000);
}

function opened() {
  reason = "";
  socket.onclose = lost;
  listen(10000); // for the welcome
  handlers.opened();
}

async function refused() {
  lost();
  const attempt = attempts;
  const found = await refusal();
  if (attempt === attempts && retry) reason = found; // the countdown shows it
}

// A browser does not say why a server refuses a WebSocket. Ours refuses a plain
// request for the same reasons, in words. Others may come from a proxy.
async function refusal() {
  try {
    const answer = await fetch("/ws", { signal: AbortSignal.timeout(10000) });
    const words = (await answer.text()).trim();
    const known = ["the room is full", "too many people at once", "too many connections from this address"];
    return known.includes(words) ? `: ${words}` : "";
  } catch {
    return noAnswer;
  }
}

export function send(frame) {
  socket.send(JSON.stringify(frame));
}

// An empty frame: a heartbeat.
function received(elements) {
  listen(60000); // a living server sends a frame every 25 seconds
  if (elements.length === 0) send({});
  else handlers.received(elements);
}

// An attempt can hang, and a connection can die silently.
function listen(patience) {
  heard = Date.now();
  clearTimeout(silence);
  silence = setTimeout(() => {
    reason = noAnswer;
    lost();
  }, patience);
}

function lost() {
  drop();
  handlers.lost();
  wait(retryDelay(failures++));
}

// Closing a dead connection takes long: do not wait for it.
function drop() {
  clearTimeout(silence);
  clearTimeout(retry);
  retry = undefined;
  if (socket) socket.onclose = socket.onmessage = null;
  socket?.close();
  socket = undefined;
}

// The delay doubles after each failure, up to half a minute: a server in trouble
// needs rest. Half of it is random, or all pages would come back at once.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000);
  return longest * (1 + Math.random()) / 2;
}

function wait(left) {
  if (left <= 0) return connect();
  showTrouble(`Next attempt in ${Math.ceil(left / 1000)} s`);
  const step = document.hidden ? left : 1000; // browsers may run a chain of timers once a minute
  retry = setTimeout(wait, Math.min(left, step), left - step);
}

// Do not wait when the network is back, or when someone looks at the page.
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (socket && Date.now() - heard > 60000) lost(); // the timer slept while the computer slept
  hurry();
});

function hurry() {
  if (retry) connect();
}

tryNow.onclick = connect; // also during an attempt, because it may hang

// Without a network, a connection is dead, but it ends only when somebody uses it.
addEventListener("offline", () => {
  if (socket) lost();
});

export function welcomed(name) {
  failures = 0;
  showStatus(true, `Connected as ${name}`);
}

// Without a name, the page does not connect.
export function stop() {
  drop();
  showStatus(false, "Not connected");
}

// The page tries again even when it is offline: the server may be on this device.
function showTrouble(now) {
  const trouble = navigator.onLine ? `No connection${reason}.` : "This device is offline.";
  showStatus(false, failures > 0 ? trouble : "", ` ${now}`);
}

function showStatus(connected, said, shown = "") {
  status.className = connected ? "connected" : "";
  if (words.textContent !== said) words.textContent = said; // or a screen reader would say it again
  details.textContent = shown;
  joinStatus.textContent = shown && said + shown;
  const waiting = shown && failures > 0;
  if (!waiting && document.activeElement === tryNow) document.forms.compose.elements[0].focus();
  tryNow.hidden = !waiting;
}
