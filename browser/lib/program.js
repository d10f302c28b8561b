// The program under test, in a process of its own.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = fileURLToPath(new URL("../chat", import.meta.url)); // npm run build makes it

// No program outlives the tests, even if they are interrupted.
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
process.on("SIGTERM", () => process.exit(1));

export class Program {
  #process;
  #exited;
  log = [];

  // start resolves when the program listens. Its rate limit is off: tests type
  // faster than people.
  static async start(db, ...flags) {
    const program = new Program();
    program.#process = spawn(path, ["-addr", "127.0.0.1:0", "-db", db, "-rate", "0", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    running.add(program.#process);
    program.#exited = new Promise((resolve) => program.#process.on("exit", (code) => {
      running.delete(program.#process);
      resolve(code);
    }));
    const listening = new Promise((resolve, reject) => {
      createInterface(program.#process.stderr)
        .on("line", (line) => {
          program.log.push(line);
          const [, lab] = line.match(/lab is running.* url=http:\/\/([^ ]*)\/lab$/) ?? [];
          if (lab) program.lab = lab; // it comes before the port of the chat
          const [, port] = line.match(/chat is running.* url=http:\/\/[^ ]*:(\d+)/) ?? [];
          if (port) resolve(Number(port));
        })
        .on("close", () => reject(new Error(`the program has ended. It says:\n${program.log.join("\n")}`)));
      program.#process.on("error", reject);
    });
    program.port = await listening;
    return program;
  }

  // stop ends the program in order, kill at once.
  async stop() {
    this.#process.kill("SIGTERM");
    const code = await this.#exited;
    if (code !== 0) throw new Error(`the program ended with exit code ${code}. It says:\n${this.log.join("\n")}`);
  }

  async kill() {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }
}
