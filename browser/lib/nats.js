// A NATS server, for scenarios in which several machines share a room.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { allBrowsers } from "./browsers.js";

// withoutNats is a scenario's skip, if nats-server is not in PATH. In CI it has to be.
const missing = spawnSync("nats-server", ["--version"]).error && !process.env.CI;
export const withoutNats = missing ? Object.fromEntries(allBrowsers.map((browser) => [browser, "nats-server is not in PATH"])) : {};

// No server outlives the tests, even if they are interrupted.
const running = new Set();
process.on("exit", () => running.forEach((server) => server.kill("SIGKILL")));

// startNats returns the address of a new server.
export async function startNats(scene) {
  const directory = await mkdtemp(join(tmpdir(), "nats-"));
  scene.cleanUp(() => rm(directory, { recursive: true }));
  const server = spawn("nats-server", ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", directory], { stdio: ["ignore", "ignore", "pipe"] });
  running.add(server);
  scene.cleanUp(async () => {
    running.delete(server);
    server.kill("SIGTERM");
    if (server.exitCode === null) await once(server, "exit");
  });
  for await (const line of createInterface(server.stderr)) {
    const [, address] = line.match(/Listening for client connections on (\S+)/) ?? [];
    if (address) {
      server.stderr.resume(); // or it would wait, when the pipe is full
      return `nats://${address}`;
    }
  }
  throw new Error("nats-server has ended");
}
