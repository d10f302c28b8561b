// The connection: how it is made, noticed to be lost, and made again.

const status = document.getElementById("status");
const [words, details] = status.children; // the details are not for screen readers

let handlers; // opened, received and lost, of chat.js
let socket;
let heard; // when something came on it last
let silence; // the timer that gives it up when nothing comes
let failures; // attempts to connect since the last welcome
let retry; // the timer until the next

export function start(ofChat) {
  handlers = ofChat;
  failures = 0;
  connect();
}

function connect() {
  drop();
  showTrouble("Connecting …");
  socket = new WebSocket("/ws"); // ws: or wss:, as the page came
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

// A connection can die without a word. But the server has one every 25 seconds.
function listen() {
  heard = Date.now();
  clearTimeout(silence);
  silence = setTimeout(lost, 60000);
}

function lost() {
  drop();
  handlers.lost();
  wait(retryDelay(failures++));
}

// The end of a dead connection takes long: do not wait for it.
function drop() {
  clearTimeout(silence);
  clearTimeout(retry);
  retry = undefined;
  if (socket) socket.onclose = socket.onmessage = null;
  socket?.close();
  socket = undefined;
}

// Twice as long after each failure, up to half a minute: a server in trouble
// needs rest. And not the same for everyone, or all would come back at once.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000);
  return longest / 2 + Math.random() * longest / 2;
}

function wait(left) {
  if (left <= 0) return connect();
  showTrouble(`Next attempt in ${Math.ceil(left / 1000)} s`);
  retry = setTimeout(wait, Math.min(left, 1000), left - 1000);
}

// When the network is back, or someone looks at the page, nobody waits on.
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (socket && Date.now() - heard > 60000) lost(); // the timer slept, too
  hurry();
});

function hurry() {
  if (retry) connect();
}

export function welcomed(name) {
  failures = 0;
  showStatus(true, `Connected as ${name}`);
}

// Without a name there is nothing to connect for.
export function stop() {
  drop();
  showStatus(false, "Not connected");
}

// Offline, too: the server may be on this device.
function showTrouble(now) {
  const trouble = navigator.onLine ? "No connection." : "This device is offline.";
  showStatus(false, failures > 0 ? trouble : "", ` ${now}`);
}

function showStatus(connected, said, shown = "") {
  status.className = connected ? "connected" : "";
  if (words.textContent !== said) words.textContent = said; // or it would be said again
  details.textContent = shown;
}
