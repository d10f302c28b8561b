// The troubles: a question and guesses first, then the button, then the answer.

import { part } from "./figures.js";

const troubles = [
  { name: "talk", title: "20 people talk", right: 1, guesses: ["About 20", "About 400", "About 8,000"],
    question: "20 people come and talk. Each one says about one text a second. How many deliveries a second is that?",
    answer: "Each text goes to everybody: 20 texts to 20 people are 400 deliveries a second, and more for you. Two batches are at " +
      "least 20 ms apart. Texts that arrive meanwhile share a batch, and so one frame for each client." },
  { name: "crowd", title: "1,000 people join", right: 2, guesses: ["They get 1,000 notices", "Their texts have to wait", "Almost nothing"],
    question: "1,000 people join at the same time. What happens to those who are in the room already?",
    answer: "The server lets 200 in at once, then 100 a second. The others get the status 503 and try again. Presence is broadcast at " +
      "most once a second, not once for each arrival. The room has 1,000 places: if you are in it, somebody stays outside." },
  { name: "stall", title: "One client stops reading", right: 2, guesses: ["They wait for it", "They miss messages", "Nothing"],
    question: "One client stops reading, while others talk a lot. What happens to the others?",
    answer: "Nothing: the hub never waits for a client. The operating system's buffers fill first. Then the writer blocks in Write, and " +
      "the queue of 256 frames fills. At the next frame, the hub removes the client: code 1013, “too slow”." },
  { name: "flood", title: "One client floods", right: 0, guesses: ["It makes the client wait", "It disconnects it", "It shows everything"],
    question: "One client sends as fast as it can. What does the server do?",
    answer: "The reader pauses for 10 ms after each message over the limit, so TCP makes the client wait. The others notice nothing." },
  { name: "delay", title: "A slow network", right: 2, guesses: ["It fills up", "It holds half a second of frames", "It stays short"],
    question: "20 people talk, and the network of one more takes frames only twice a second. What happens to its queue?",
    answer: "A write ends when the operating system has the frame: the frames wait there, and only this client notices." },
  { name: "cut", title: "A cable is cut", right: 2, guesses: ["At once", "After 25 seconds", "After 75 to 100 seconds"],
    question: "Nothing arrives any more from one client, and no error either. When does the server remove it?",
    answer: "Pages answer a heartbeat every 25 s. After 75 s of silence, the hub removes the client at the next one, as “inactive”." },
  { name: "lock", title: "The database is locked", right: 1, guesses: ["They are lost", "They are shown later", "They are shown at once"],
    question: "Another process locks the database for ten seconds. What happens to the texts of these seconds? (First let people talk.)",
    answer: "Nobody sees a text that is not saved. The store repeats the save, and texts wait in pending. When 100 wait there, readers " +
      "wait for the hub. One that waits for 5 s tells its sender “not saved yet”, and a page sends the text again. After the lock, " +
      "everything that waits is saved and shown." },
  { name: "hang", title: "A save hangs", right: 2, guesses: ["Nobody", "The store, which tries again", "Only those who watch the time"],
    question: "A save takes ten seconds, and there is no error. Who notices? (First let people talk.)",
    answer: "Only the time tells: /healthz answers 503 when a message has waited for more than 5 s. The rest is as with the lock." },
  { name: "stop", title: "The server restarts", right: 1, guesses: ["It is lost", "It is saved and shown before", "It is shown afterwards"],
    question: "The server stops and starts again. What happens to a text that is not saved yet? (First join the chat.)",
    answer: "The hub saves and shows what waits, then disconnects all clients (code 1001). Their pages connect again by themselves." },
  { name: "kill", title: "kill -9", right: 0, guesses: ["None", "Those of the last second", "Those that nobody has seen"],
    question: "The operating system kills the process at once. Which texts of the pages are lost? (First join the chat.)",
    answer: "What anybody has seen is in the database. Pages repeat unconfirmed texts with the same ref: none is lost or doubled." },
  { name: "cutoff", title: "Cut off from NATS", right: 2, needsStream: true, guesses: ["At once, on this machine", "Never", "Afterwards, everywhere"],
    question: "This machine is cut off from NATS for ten seconds. When does a text appear that you send meanwhile? (First join the chat " +
      "here, and on another machine.)",
    answer: "Nobody sees a text before it is in the stream, not even you: your page says “sending …”. People on the other machines go " +
      "on talking, and you see nothing of it. Within three seconds after the cut, this machine connects again. It first reads what it " +
      "has missed, then appends what waits. So your text comes after theirs, in the same order on all machines." },
  { name: "leader", title: "The stream’s leader steps down", right: 1, needsStream: true,
    guesses: ["They are disconnected", "Texts come a bit later", "Texts of this moment are lost"],
    question: "Three NATS servers keep the stream, and one of them leads. Now it lets another one lead. What do people notice?",
    answer: "Texts wait for the new leader, usually for less than a second. Nobody is disconnected, and no text is lost or doubled. If " +
      "the leader dies, the wait takes several seconds: the others have to notice first. A single NATS server refuses to step down: " +
      "then the log of this chat server says so, and nothing else happens." },
];
const [stopAll, error] = ["stop-all", "error"].map((id) => document.getElementById(id));

for (const trouble of troubles) {
  const { name, title, question, guesses, answer, right } = trouble;
  const choices = guesses.map((guess) => part("label", Object.assign(part("input"), { type: "radio", name: `guess-${name}` }), guess));
  const [button, after] = [part("button", "Do it"), Object.assign(part("p"), { role: "status" })]; // a screen reader reads the answer
  trouble.state = part("span");
  const node = part("details", part("summary", title, trouble.state), part("fieldset", part("legend", question), ...choices), button, after);
  Object.assign(node, { id: name, name: "trouble" }); // with one name for all, opening one closes the others
  node.ontoggle = () => node.open && history.replaceState(null, "", `#${name}`);
  trouble.node = node;
  node.hidden = trouble.needsStream;
  button.onclick = async () => {
    if (!await post(`/lab/trouble/${name}`)) return;
    after.textContent = answer;
    choices[right].className = "right";
  };
  stopAll.before(node);
}
stopAll.onclick = () => post("/lab/stop");
addEventListener("hashchange", choose);
choose();

// A link such as /lab#stall chooses a trouble.
function choose() {
  const chosen = document.getElementById(location.hash.slice(1));
  if (chosen?.localName === "details") chosen.open = true;
}

// post reports whether the server has done it. Otherwise it shows why not.
async function post(address) {
  const answer = await fetch(address, { method: "POST" }).catch((reason) => new Response(`No answer: ${reason.message}`, { status: 503 }));
  error.textContent = answer.ok ? "" : await answer.text();
  return answer.ok;
}

export const titleOf = (searched) => troubles.find(({ name }) => name === searched).title;

// showRunning marks the troubles that go on. Without a stream, two of them are hidden.
export function showRunning(running, stream) {
  for (const { name, state, node, needsStream } of troubles) {
    node.hidden = needsStream && !stream;
    const words = running.includes(name) ? "running" : "";
    if (state.textContent !== words) state.textContent = words;
  }
}
