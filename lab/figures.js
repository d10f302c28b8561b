// The figures of a snapshot in words. Words are also the picture for people who cannot see it.

const list = document.querySelector("#numbers dl");
const clients = document.getElementById("clients");

export const whole = (number) => Math.round(number).toLocaleString("en");
export const time = (ms) => ms === 0 ? "–" : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
export const clock = (at) => new Date(at).toTimeString().slice(0, 8);
const reasons = (totals) => Object.entries(totals).map(([reason, count]) => `${whole(count)} ${reason}`).join(", ") || "none";

// part makes an element. Strings among its children become text, never markup.
export function part(kind, ...children) {
  const node = document.createElement(kind);
  node.append(...children);
  return node;
}

// Rates are differences to the snapshot of about a second before. After a restart, the totals begin at 0.
export function ratesOf(now, before) {
  const rate = (name) => Math.max(0, now[name] - before[name]) * 1000 / Math.max(100, now.at - before.at);
  const [batches, messages, deliveries] = [rate("batches"), rate("messages"), rate("deliveries")];
  return { batches, messages, deliveries, size: batches > 0 ? (messages / batches).toFixed(1) : "–" };
}

export function showFigures(now, rates) {
  const entries = {
    "messages a second": whole(rates.messages), "deliveries a second": whole(rates.deliveries), "messages in a batch": rates.size,
    "half are shown within": time(now.p50), "99 of 100 are shown within": time(now.p99), "clients": whole(now.clients),
    "pending messages": `${now.pending} of ${now.pendingSize}`, "readers that wait for the hub": whole(now.blocked),
    [now.stream ? "stream goroutine" : "store"]: storeState(now).join(" "), "goroutines": whole(now.goroutines), "memory (heap)": `${(now.heap / 1e6).toFixed(1)} MB`,
    ...now.stream && streamFigures(now.stream),
    "connections ended": reasons(now.ended), "connections refused": reasons(now.refused),
  };
  list.replaceChildren(...Object.entries(entries).map(([name, value]) => part("div", part("dt", name), part("dd", value))));
  if (!clients.open) return;
  const line = (kind, cells) => part("tr", ...cells.map((cell) => part(kind, cell)));
  clients.lastElementChild.replaceChildren(line("th", ["client", "reader", "queue", "writer", "last frame"]),
    ...now.drawn.map((client) => line("td", [client.name, client.reader, `${client.queue} of ${now.queueSize}`,
      client.writing > 0 ? `writes for ${time(client.writing)}` : "waits", `${time(client.silent)} ago`])));
}

// With a stream, it is the stream goroutine that has the batch.
export function storeState({ saving, savingFor, failing, failure, stream }) {
  if (saving === 0 && !failing) return ["idle"];
  const words = saving === 0 ? ["saves what came", "from the stream"] :
    [`${stream ? "appends" : "saves"} ${saving} message${saving === 1 ? "" : "s"}`, `for ${time(savingFor + 1)}`];
  return failing ? [...words, "failed, tries again:", failure] : words;
}

// A machine's name is random and long. Its beginning is enough.
export const short = (name) => name.slice(0, 4);
export const people = (count) => count === 0 ? "nobody" : count === 1 ? "1 person" : `${whole(count)} people`;

// What the replica does not have cannot be counted without a connection.
export const following = ({ self, lost }) => `machine ${short(self)} ${lost > 0 ? `is cut off: ${time(lost)}` : "follows it"}`;
export const behindBy = ({ lost, behind }) => lost > 0 && behind === 0 ? "unknown" : whole(behind);

function streamFigures(stream) {
  const others = stream.machines.map((machine) => `${short(machine.id)}: ${people(machine.people)}, heard ${time(machine.silent + 1)} ago`);
  return {
    [`stream ${stream.name}`]: following(stream) + (stream.lost > 0 ? `, ${stream.why}` : ""), "messages behind": behindBy(stream),
    "times cut off": whole(stream.reconnects), "other machines": others.join("; ") || "none",
  };
}
