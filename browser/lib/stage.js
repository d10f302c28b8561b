// A Stage has the real page, and a server that the test plays, frame by frame:
// for what a real server would do rarely, or not on the same day.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { House } from "./house.js";
import { Program } from "./program.js";
import { patience, within } from "./patience.js";

export class Stage extends House {
  // history answers a request for older messages. Unless a test sets it, there are none.
  history = (request, response) => response.end("[]");
  // refusal answers a plain request for /ws, if the test refuses connections.
  refusal = undefined;
  #entrances = []; // connections that no test has looked at yet
  #entered = () => {};

  static async open(scene) {
    const stage = new Stage(scene);
    const directory = await mkdtemp(join(tmpdir(), "chat-"));
    scene.cleanUp(() => rm(directory, { recursive: true }));
    const program = await Program.start(join(directory, "chat.db"));
    scene.cleanUp(() => program.stop());

    const server = http.createServer((request, response) => {
      if (request.url.startsWith("/history")) return stage.history(request, response);
      if (request.url === "/ws" && stage.refusal) return stage.refusal(response);
      const page = http.get({ port: program.port, host: "127.0.0.1", path: request.url, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      page.on("error", () => response.destroy());
    });
    const sockets = new WebSocketServer({ server, path: "/ws", verifyClient: () => !stage.refusal });
    sockets.on("connection", (socket) => {
      stage.#entrances.push(new ServerEnd(socket));
      stage.#entered();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    scene.cleanUp(() => {
      sockets.clients.forEach((socket) => socket.terminate());
      server.closeAllConnections();
      server.close();
    });
    stage.origin = `http://127.0.0.1:${server.address().port}`;
    return stage;
  }

  // remembers sets the messages that are there to be loaded, 50 at a time.
  remembers(...messages) {
    this.history = (request, response) => {
      const before = Number(new URL(request.url, this.origin).searchParams.get("before"));
      response.end(JSON.stringify(messages.filter(({ id }) => id < before).slice(-50)));
    };
  }

  // visitor is in the room, with a clock that stands still. The server is the
  // other end of the connection. With a shortest time the clock stands still
  // for shorter waits, too.
  async visitor(name, shortest) {
    const person = await this.someone();
    await person.stopsTheClock(shortest);
    await person.opens();
    await person.isOn("#name");
    await person.types(name);
    await person.presses("Enter");
    const server = await this.comes(name);
    server.welcomes(name);
    await person.isConnected();
    return { person, server };
  }

  // reader is a visitor who reads further up in a log of so many messages.
  async reader(name, messages) {
    const { person, server } = await this.visitor(name);
    server.sends(...Array.from({ length: messages }, (_, n) => chat(n + 1, "bob", "message")));
    await person.shows(messages);
    await person.scrollsTo(-200);
    return { person, server };
  }

  // comes waits until a page connects and gives this name.
  async comes(name) {
    await within(patience, "the page does not connect", async () => {
      while (this.#entrances.length === 0) await new Promise((resolve) => (this.#entered = resolve));
    });
    const server = this.#entrances.shift();
    await server.gets({ name });
    return server;
  }

  // nobodyComes fails the test if a page connects in the next moment.
  async nobodyComes() {
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(this.#entrances.length, 0, "the page connects once more");
  }
}

// ServerEnd is the server's end of one connection.
class ServerEnd {
  #socket;
  #frames = [];
  #left = false;
  #changed = () => {};

  constructor(socket) {
    this.#socket = socket;
    socket.on("message", (frame) => {
      this.#frames.push(String(frame));
      this.#changed();
    });
    socket.on("close", () => {
      this.#left = true;
      this.#changed();
    });
  }

  // sends sends one frame with these elements.
  sends(...elements) {
    this.#socket.send(JSON.stringify(elements));
  }

  // confirms sends a text back to its sender.
  confirms(id, name, text, ref) {
    this.sends({ ...chat(id, name, text), ref });
  }

  welcomes(name, ...history) {
    this.sends({ kind: "welcome", name });
    this.sends({ kind: "history" }, ...history);
  }

  // gets waits for the page's next frame, which has to be this one.
  async gets(want) {
    assert.deepEqual(await this.#next(`the page does not send ${JSON.stringify(want)}`), want);
  }

  async #next(failure) {
    await within(patience, failure, async () => {
      while (this.#frames.length === 0 && !this.#left) await new Promise((resolve) => (this.#changed = resolve));
    });
    return JSON.parse(this.#frames.shift() ?? '"nothing: it has closed the connection"');
  }

  // getsText waits for the next frame, which has to have this text, and returns its ref.
  async getsText(want) {
    const { text, ref, ...rest } = await this.#next(`the page does not send ${want}`);
    assert.deepEqual({ text, ...rest }, { text: want });
    assert.match(ref, /^[A-Za-z0-9_-]{1,64}$/, "the ref is not one that the server takes");
    return ref;
  }

  // getsNothing fails the test if the page has sent something: the answer to a
  // heartbeat comes after it.
  async getsNothing() {
    this.sends();
    await this.gets({});
  }

  // isLeft waits until the page has closed the connection.
  async isLeft() {
    await within(patience, "the page does not close the connection", async () => {
      while (!this.#left) await new Promise((resolve) => (this.#changed = resolve));
    });
    assert.deepEqual(this.#frames, [], "the page sends more before it closes the connection");
  }

  // hangsUp ends the connection without a word.
  hangsUp() {
    this.#socket.terminate();
  }
}

// chat and announcement are messages, of a day in the past if no time is given.
export function chat(id, name, text, at = "2024-02-29T12:00:00Z") {
  return { id, kind: "chat", name, text, at };
}

export function announcement(id, text, at = "2024-02-29T12:00:00Z") {
  return { id, kind: "announcement", name: "server", text, at };
}
