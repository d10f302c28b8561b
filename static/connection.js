// The connection to the server: how it is made, noticed to be lost, and made
// again. What goes over it is the business of chat.js, which hands in what to do
// when it is open, when a frame has come, and when it is lost.

const status = document.getElementById("status");

// A page that came over https may only open sockets that are encrypted, too.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";

let handlers;     // { opened, received, lost } of chat.js
let socket;
let failures = 0; // attempts to connect since the last welcome
let silence;      // the timer that ends a connection on which nothing comes

export function start(ofChat) {
  handlers = ofChat;
  connect();
}

function connect() {
  showStatus(false, "Connecting …");
  socket = new WebSocket(`${scheme}//${location.host}/ws`);
  socket.onopen = handlers.opened;
  socket.onmessage = (event) => received(JSON.parse(event.data));
  socket.onclose = lost;
  listenFor(60);
}

export function send(frame) {
  socket.send(JSON.stringify(frame));
}

// A frame with nothing in it is a heartbeat, and asks for one.
function received(elements) {
  listenFor(60);
  if (elements.length === 0) send({});
  else handlers.received(elements);
}

// A connection can die without a word: a laptop sleeps, a phone loses the
// network. The server sends something every 25 seconds; when it does not, it
// cannot be reached, whatever the socket says.
function listenFor(seconds) {
  clearTimeout(silence);
  silence = setTimeout(lost, seconds * 1000);
}

function lost() {
  drop();
  showStatus(false, "Connection lost. Trying again …");
  handlers.lost();
  setTimeout(connect, retryDelay(failures++));
}

// Closing a dead connection takes long: what it still has to say is not waited for.
function drop() {
  clearTimeout(silence);
  socket.onclose = socket.onmessage = null;
  socket.close();
}

// Twice as long after each failure, up to half a minute: a server in trouble
// needs rest. And not the same for everyone: after a restart of the server all
// pages would otherwise come back in the same instant, again and again.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000); // milliseconds
  return longest / 2 + Math.random() * longest / 2;
}

export function welcomed(name) {
  failures = 0;
  showStatus(true, `Connected as ${name}`);
}

// stop is for a page without a name: it has nothing to connect for.
export function stop() {
  if (socket) drop();
  showStatus(false, "Not connected");
}

function showStatus(connected, words) {
  status.textContent = words;
  status.className = connected ? "connected" : "";
}
