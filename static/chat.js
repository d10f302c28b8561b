"use strict";

const status = document.getElementById("status");
const log = document.getElementById("log");
const messages = document.getElementById("messages");
const compose = document.getElementById("compose");
const text = document.getElementById("text");
const sendButton = compose.querySelector("button");

// A page that came over https may only open sockets that are encrypted, too.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";

let socket;
let failures = 0; // attempts to connect since the last one that succeeded
connect();

function connect() {
  socket = new WebSocket(`${scheme}//${location.host}/ws`);
  socket.onopen = () => {
    failures = 0;
    showStatus(true, "Connected");
  };
  socket.onmessage = (event) => show(event.data);
  socket.onclose = () => {
    showStatus(false, "Connection lost. Trying again …");
    setTimeout(connect, retryDelay(failures++));
  };
}

// Twice as long after each failure, up to half a minute: a server in trouble
// needs rest. And not the same for everyone: after a restart of the server all
// pages would otherwise come back in the same instant, again and again.
function retryDelay(failures) {
  const longest = Math.min(500 * 2 ** failures, 30000); // milliseconds
  return longest / 2 + Math.random() * longest / 2;
}

// The form handles the button and the Enter key alike.
compose.onsubmit = (event) => {
  event.preventDefault(); // or the browser would load a new page
  if (socket.readyState !== WebSocket.OPEN || text.value.trim() === "") return;
  socket.send(text.value);
  text.value = "";
  text.focus();      // after a click on the button, too
  log.scrollTop = 0; // the end of the log: who speaks wants to see it arrive
};

function showStatus(connected, words) {
  status.textContent = words;
  status.className = connected ? "connected" : "";
  sendButton.disabled = !connected;
}

// textContent, never innerHTML: what people write is text, not markup.
function show(words) {
  const item = document.createElement("li");
  item.dir = "auto"; // Arabic and Hebrew begin on the right
  item.textContent = words;
  const following = log.scrollTop > -40; // pixels, counted from the end
  messages.append(item);
  if (following) log.scrollTop = 0; // whoever has scrolled up to read is left alone
}
