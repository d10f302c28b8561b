// The connection: how it is made, noticed to be lost, and made again.

const status = document.getElementById("status");
const [words, details] = status.children; // the details are not for screen readers

// A page that came over https may only open sockets that are encrypted, too.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";

let handlers;    // opened, received and lost, of chat.js
let socket;      // unless it is given up
let heard;       // when something came on it last
let silence;     // the timer that gives it up when nothing comes
let failures;    // attempts to connect since the last welcome
let nextAttempt; // the time of it
let retry;       // the timer that waits for it, if any

export function start(ofChat) {
  handlers = ofChat;
  failures = 0;
  connect();
}

function connect() {
  stopWaiting();
  if (failures === 0) showStatus(false, "Connecting …");
  else showTrouble("Connecting …");
  socket = new WebSocket(`${scheme}//${location.host}/ws`);
  socket.onopen = handlers.opened;
  socket.onmessage = (event) => received(JSON.parse(event.data));
  socket.onclose = lost;
  listen();
}

export function send(frame) {
  socket.send(JSON.stringify(frame));
}

// A frame with nothing in it is a heartbeat, and asks for one.
function received(elements) {
  listen();
  if (elements.length === 0) send({});
  else handlers.received(elements);
}

// A connection can die without a word: a laptop sleeps, a phone loses the
// network. The server sends something every 25 seconds; when it does not, it
// cannot be reached, whatever the socket says.
function listen() {
  heard = Date.now();
  clearTimeout(silence);
  silence = setTimeout(lost, 60000); // milliseconds
}

function lost() {
  drop();
  handlers.lost();
  nextAttempt = performance.now() + retryDelay(failures++); // this clock nobody sets
  wait();
}

// Closing a dead connection takes long: nobody waits for it.
function drop() {
  clearTimeout(silence);
  socket.onclose = socket.onmessage = null;
  socket.close();
  socket = undefined;
}

// Twice as long after each failure, up to half a minute: a server in trouble
// needs rest. And not the same for everyone: after a restart of the server all
// pages would otherwise come back in the same instant, again and again.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000); // milliseconds
  return longest / 2 + Math.random() * longest / 2;
}

// wait counts the seconds down; less than one would only flicker.
function wait() {
  const left = nextAttempt - performance.now(); // milliseconds
  if (left <= 0) return connect();
  showTrouble(left < 900 ? "Connecting …" : `Next attempt in ${Math.ceil(left / 1000)} s`);
  retry = setTimeout(wait, left % 1000 || 1000);
}

function stopWaiting() {
  clearTimeout(retry);
  retry = undefined;
}

// When the network is back, or someone looks at the page, nobody waits on.
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (socket && Date.now() - heard > 60000) lost(); // the timer slept, too
  hurry();
});

function hurry() {
  if (retry !== undefined) connect();
}

export function welcomed(name) {
  failures = 0;
  showStatus(true, `Connected as ${name}`);
}

// Without a name there is nothing to connect for.
export function stop() {
  stopWaiting();
  if (socket) drop();
  showStatus(false, "Not connected");
}

// Offline, too, the page keeps trying: the server may run on this device.
function showTrouble(now) {
  showStatus(false, navigator.onLine ? "Connection lost." : "This device is offline.", ` ${now}`);
}

function showStatus(connected, said, shown = "") {
  status.className = connected ? "connected" : "";
  if (words.textContent !== said) words.textContent = said; // or it would be said again
  details.textContent = shown;
}
