// The page is for everyone: colours, screen readers, and the rules of axe.

import assert from "node:assert/strict";
import { announcement, chat } from "./lib/stage.js";
import { everySize, scenario } from "./lib/scenario.js";

const schemes = ["light", "dark"];
const historySize = 50; // messages that the server sends with a welcome

scenario("a new message is read out", async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.visitor("ada");
  const bob = await room.visitor("bob");
  await ada.waitFor(() => document.getElementById("log").ariaLive === "polite"); // the history is through
  await bob.says("Can you hear me?");
  await ada.sees("bob: Can you hear me?");
  await ada.hears("Can you hear me?");
});

scenario("axe accepts the room: empty, full, loaded again, and without its server", { sizes: everySize }, async ({ openRoom }) => {
  const messages = historySize + 10;
  const room = await openRoom();
  const ada = await room.visitor("ada");
  ada.expects("/ws"); // attempts that fail
  await ada.passesAxe();
  await room.chatter(messages);
  await ada.shows(messages);
  await ada.passesAxe();
  await ada.opens();
  await ada.isConnected();
  await ada.sees(`bob: ${messages}`);
  await ada.shows(historySize);
  await ada.fits();
  await ada.passesAxe();
  await room.stop();
  await ada.isDisconnected();
  await ada.passesAxe();
});

scenario("axe accepts each kind of line in both colour schemes", { sizes: everySize, schemes }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(
    chat(1, "bob", "see https://go.dev/"),
    chat(2, "bob", "and more"),
    chat(3, "cleo", "thanks"),
    announcement(4, "be kind"),
  );
  await ada.sees("bob: see https://go.dev/", "bob: and more", "cleo: thanks", "server: be kind");
  await ada.passesAxe();
});

scenario("axe accepts the button for new messages", { sizes: everySize, schemes }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.reader("ada", 60);
  server.sends(chat(61, "bob", "new"));
  await ada.isToldOfNew("1 new message");
  await ada.passesAxe();
  // The button is not read out: the message itself already is.
  await ada.waitFor(() => document.getElementById("news").closest("[aria-live], [role=log], [role=status]") === null);
});

scenario("axe accepts the join form in both colour schemes", { sizes: everySize, schemes }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.newcomer();
  await ada.fits();
  await ada.passesAxe();
  await ada.replaces("#name", "server");
  await ada.presses("Enter");
  await ada.waitFor(() => document.getElementById("name-error").textContent !== "");
  await ada.fits();
  await ada.passesAxe();
});

scenario("without JavaScript the page says what it needs", { sizes: everySize, skip: { firefox: "no command switches JavaScript off" } }, async ({ openRoom }) => {
  const room = await openRoom();
  const ada = await room.someone();
  await ada.page.setJavaScriptEnabled(false);
  await ada.opens();
  const shown = await ada.evaluates(() => document.body.innerText);
  await ada.fits();
  await ada.page.setJavaScriptEnabled(true);
  assert.match(shown, /This page needs JavaScript/);
});

// The test takes the colours that the browser draws and the formula of WCAG.
// Text needs a contrast of 4.5, other parts of the page need 3.
scenario("colours have contrast", { schemes }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  server.sends(announcement(1, "ada, see https://go.dev/"));
  await ada.sees("server: ada, see https://go.dev/");
  const problems = await ada.evaluates(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const luminance = (color) => {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) =>
        byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const problems = [];
    const check = (what, color, background, least) => {
      const [dark, light] = [luminance(color), luminance(background)].sort((a, b) => a - b);
      const contrast = (light + 0.05) / (dark + 0.05);
      if (!(contrast >= least)) problems.push(`${what}: ${color} on ${background} is ${contrast}`);
    };
    const style = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo);
    const ground = style("body").backgroundColor;
    const paper = style("#log").backgroundColor;

    const name = document.querySelector("#messages b");
    for (let hue = 0; hue < 360; hue++) {
      name.style.setProperty("--hue", hue);
      check(`a name of hue ${hue}`, getComputedStyle(name).color, paper, 4.5);
      check(`a name of hue ${hue}`, getComputedStyle(name).color, ground, 4.5);
    }
    for (const [selector, pseudo] of [
      ["#messages span"], ["#messages a"], ["#messages time"], ["#messages .day"],
      ["#text-error"], ["#name-error"], ["#text"], ["#text", "::placeholder"],
    ]) {
      check(selector, style(selector, pseudo).color, paper, 4.5);
      check(selector, style(selector, pseudo).color, ground, 4.5);
    }
    if (style("#messages a").color !== style("#compose button").backgroundColor) problems.push("a link has a colour of its own");
    check("the title", style("h1").color, ground, 4.5);
    const status = document.getElementById("status");
    check("the status", style("#status").color, ground, 4.5);
    check("the dot, connected", style("#status", "::before").color, ground, 3);
    status.className = "";
    check("the dot, not connected", style("#status", "::before").color, ground, 3);
    status.className = "connected";
    check("the reader's name", style("mark").color, style("mark").backgroundColor, 4.5);
    check("a button", style("#compose button").color, style("#compose button").backgroundColor, 4.5);
    check("a field", style("#text").borderColor, paper, 3);
    check("a field", style("#text").borderColor, ground, 3);
    check("the focus", style("#text").outlineColor, paper, 3); // the ring has the field inside
    check("the focus", style("#text").outlineColor, ground, 3);
    return problems;
  });
  assert.deepEqual(problems, [], "colours are hard to tell apart");
});
