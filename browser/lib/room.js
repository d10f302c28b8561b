// A Room is the real program behind a network of the test's choice, with
// people in it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { House } from "./house.js";
import { patience, within } from "./patience.js";
import { Program } from "./program.js";
import { Proxy } from "./proxy.js";
import { Viewer } from "./viewer.js";

export class Room extends House {
  network = new Proxy();

  static async open(scene, ...flags) {
    const room = new Room(scene);
    room.directory = await mkdtemp(join(tmpdir(), "chat-"));
    scene.cleanUp(() => rm(room.directory, { recursive: true }));
    await room.network.open();
    scene.cleanUp(() => room.network.close());
    await room.start(...flags);
    scene.cleanUp(() => room.program?.stop());
    return room;
  }

  // visitor has the page open and is in the room.
  async visitor(name) {
    const person = await this.newcomer();
    await person.joins(name);
    return person;
  }

  // openWithLab opens a room that has a lab.
  static async openWithLab(scene, ...flags) {
    return Room.open(scene, "-lab", "-debug-addr", "127.0.0.1:0", ...flags);
  }

  // viewer has the lab open.
  async viewer(path = "/lab/") {
    const viewer = await Viewer.enter(this.scene, `http://${this.program.lab}`);
    await viewer.opens(viewer.origin + path);
    await viewer.isLive();
    return viewer;
  }

  get origin() {
    return `http://127.0.0.1:${this.network.port}`;
  }

  // start starts the program, on the database that it had before.
  async start(...flags) {
    this.program = await Program.start(join(this.directory, "chat.db"), ...flags);
    this.network.target = this.program.port;
    this.network.accept();
  }

  async stop() {
    await this.#end("stop");
  }

  async kill() {
    await this.#end("kill");
  }

  // While the program is away, attempts to connect are refused.
  async #end(how) {
    const { program } = this;
    this.program = undefined; // ended, whatever comes: the cleaning up must not wait for it
    await program[how]();
    this.network.refuse();
  }

  // withoutBrowser is a person who joins past the network, and without a page.
  async withoutBrowser(name) {
    const ws = new WebSocket(`ws://127.0.0.1:${this.program.port}/ws`, { origin: `http://127.0.0.1:${this.program.port}` });
    ws.on("error", () => {}); // the server may go away at any time
    const elements = [];
    let arrived = () => {};
    ws.on("message", (frame) => {
      elements.push(...JSON.parse(frame));
      arrived();
    });
    await once(ws, "open");
    ws.send(JSON.stringify({ name }));
    const hears = (matches) => within(patience, `${name} waits in vain`, async () => {
      let found;
      while (!(found = elements.find(matches))) await new Promise((resolve) => (arrived = resolve));
      return found;
    });
    const welcome = await hears(({ kind }) => kind === "welcome");
    assert.equal(welcome.name, name);
    return {
      hears,
      says: async (text) => {
        ws.send(JSON.stringify({ text }));
        return hears((element) => element.kind === "chat" && element.text === text);
      },
      leaves: async () => {
        ws.close(1000);
        await once(ws, "close");
      },
    };
  }

  // chatter is bob, who says the numbers from 1 to n.
  async chatter(n) {
    const bob = await this.withoutBrowser("bob");
    for (let i = 1; i <= n; i++) await bob.says(String(i));
    await bob.leaves();
  }
}
