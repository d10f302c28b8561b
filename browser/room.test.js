// People talk.

import assert from "node:assert/strict";
import { everySize, scenario } from "./lib/scenario.js";

scenario("two people chat", { sizes: everySize }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  await ada.says("Hello, Bob.");
  await bob.sees("ada: Hello, Bob.");
  await bob.clicks("#text");
  await bob.types("Hello, Ada.");
  await bob.clicks("#compose button");
  await ada.sees("ada: Hello, Bob.", "bob: Hello, Ada.");
  await bob.sees("ada: Hello, Bob.", "bob: Hello, Ada.");
});

scenario("an empty room says so", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const words = () => getComputedStyle(document.getElementById("messages"), "::after").content;
  assert.match(await ada.evaluates(words), /No messages yet/);
  await ada.says("hello");
  await ada.sees("ada: hello");
  assert.doesNotMatch(await ada.evaluates(words), /No messages yet/);
});

scenario("the keyboard is enough", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.types("no click was needed to type this");
  await ada.presses("Enter");
  await ada.sees("ada: no click was needed to type this");

  await ada.types("nor to send this");
  await ada.presses("Tab");
  await ada.isOn("#compose button");
  await ada.presses("Shift+Tab");
  await ada.isOn("#text");
  await ada.presses("Shift+Tab");
  await ada.isOn("#log");
  await ada.presses("Tab");
  await ada.presses("Tab");
  await ada.presses("Enter");
  await ada.sees("ada: no click was needed to type this", "ada: nor to send this");
});

scenario("markup is shown as text", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  for (const text of [
    "<b>bold</b>",
    "&lt;entity&gt;",
    `<img src="nope" onerror="document.title = 'mine'">`,
    "<script>document.title = 'mine'</script>",
  ]) {
    await ada.says(text);
    await ada.sees(`ada: ${text}`);
    await bob.sees(`ada: ${text}`);
  }
  await bob.waitFor(() => document.querySelector("#messages span *") === null);
  await bob.waitFor(() => document.title === "Go Real-Time Chat App");
});

scenario("the page asks nobody but its server", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  await ada.says("https://evil.test/a-link-without-preview.png");
  await ada.sees("ada: https://evil.test/a-link-without-preview.png");
  // That no request goes elsewhere is checked at the end of every scenario.
  // Here: that this check would see one.
  for (const path of ["/chat.js", "/ws"]) {
    assert.ok(ada.requests.some((address) => new URL(address).pathname === path), `no request for ${path} among ${ada.requests}`);
  }
});

scenario("while the server is away the text in the box stays", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  ada.expects("/ws"); // attempts that fail
  await ada.types("half a sen");
  await room.stop();
  await ada.isDisconnected();
  await room.start();
  await ada.isConnected(); // by itself
  await ada.types("tence");
  await ada.presses("Enter");
  await ada.sees("ada: half a sentence");
});

scenario("people chat over a slow network", async ({ openRoom }) => {
  const room = await openRoom();
  room.network.delay(150); // milliseconds each way
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  await ada.says("Are you far away?");
  await bob.sees("ada: Are you far away?");
  await bob.says("Yes.");
  await ada.sees("ada: Are you far away?", "bob: Yes.");
});

scenario("after a crash of the server the page comes back by itself", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  ada.expects("/ws"); // attempts that fail
  await ada.types("half a sen");
  await room.kill();
  await ada.isDisconnected();
  await room.start();
  await ada.isConnected();
  await ada.types("tence");
  await ada.presses("Enter");
  await ada.sees("ada: half a sentence");
});

scenario("a person who talks too fast loses nothing", { sizes: everySize }, async ({ openRoom }) => {
  const burst = 10;
  const room = await openRoom("-rate", "0.000001"); // a burst, and then nothing for days
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  for (let n = 1; n < burst; n++) await ada.says(String(n)); // one went for the name
  await ada.says("one too many");
  await ada.waitsWith("one too many: not sent yet: this was too fast, please wait a moment");
  await ada.fits();
  await bob.says("go on");
  await ada.sees(`ada: ${burst - 1}`, "bob: go on"); // still connected
});
