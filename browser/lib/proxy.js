// A network between the browsers and the program: it passes bytes on, and can
// delay them, hold them back, or cut every connection.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export class Proxy {
  #server = createServer((socket) => this.#accept(socket));
  #sockets = new Set();
  #refuses = false;
  #loses = false; // what the program sends
  #delay = 0; // milliseconds
  #flowing = Promise.resolve(); // pending during a stall
  #flow = () => {};
  target; // the program's port

  // open listens until close. The port stays the same whatever happens to the
  // program, because a page knows no other address to come back to.
  async open() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = this.#server.address().port;
  }

  async close() {
    this.refuse();
    this.flow();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(near) {
    if (this.#refuses) return near.resetAndDestroy();
    const far = connect(this.target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      let turn = Promise.resolve(); // of the last action: all happen in order
      const pass = (action) => {
        const due = performance.now() + this.#delay;
        turn = turn.then(async () => {
          if (due > performance.now()) await sleep(due - performance.now());
          await this.#flowing;
          action();
        });
      };
      this.#sockets.add(from);
      from.setNoDelay();
      from.on("data", (data) => pass(() => (from === far && this.#loses) || to.write(data)));
      from.on("end", () => pass(() => to.end()));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        pass(() => to.destroy());
      });
    }
  }

  // delay makes everything arrive later, in both directions.
  delay(milliseconds) {
    this.#delay = milliseconds;
  }

  // stall lets nothing arrive until flow, and keeps every connection open.
  stall() {
    this.#flowing = new Promise((flow) => (this.#flow = flow));
  }

  flow() {
    this.#flow();
  }

  // loseAnswers lets everything arrive at the program, and nothing that it sends.
  loseAnswers() {
    this.#loses = true;
  }

  // refuse ends every connection, and every new one until accept.
  refuse() {
    this.#refuses = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  accept() {
    this.#refuses = this.#loses = false;
  }
}
