"use strict";

const messages = document.getElementById("messages");

// A page that came over https may only open sockets that are encrypted, too.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/ws`);

socket.onopen = () => socket.send("hello from the page");
socket.onmessage = (event) => show(event.data);
socket.onclose = () => show("The connection is closed. Reload the page to open a new one.");

// textContent, never innerHTML: what comes from elsewhere is text, not markup.
function show(text) {
  const item = document.createElement("li");
  item.textContent = text;
  messages.append(item);
}
