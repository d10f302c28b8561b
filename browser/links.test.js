// Addresses in messages become links.

import assert from "node:assert/strict";
import { patience, within } from "./lib/patience.js";
import { everySize, scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const maxText = 2000; // characters in a message

// A text, and the links in it: as "what is shown", or as "what is shown → where
// it leads" if that is not the same.
const examples = [
  ["see https://go.dev/doc now", "https://go.dev/doc"],
  ["http://localhost:8080/?q=1&r=%20#top", "http://localhost:8080/?q=1&r=%20#top"],
  ["HTTPS://GO.DEV/Doc", "HTTPS://GO.DEV/Doc → https://go.dev/Doc"],
  ["two: https://go.dev/a, and http://go.dev/b!", "https://go.dev/a", "http://go.dev/b"],
  ["(see https://go.dev/a)", "https://go.dev/a"],
  ["https://go.dev/Go_(game).", "https://go.dev/Go_(game)"],
  ["[text](https://go.dev/a).", "https://go.dev/a"],
  [`"https://go.dev/a" and <https://go.dev/b>`, "https://go.dev/a", "https://go.dev/b"],
  ["is it https://go.dev/a?!…", "https://go.dev/a"],
  ["http://[::1]:8080/", "http://[::1]:8080/"],
  ["https://go.dev/\u05d0\u05d1", "https://go.dev/\u05d0\u05d1 → https://go.dev/%D7%90%D7%91"],
  ["https://go.dev/\u202egpj.exe", "https://go.dev/"],
  ["\u202ehttps://go.dev/a\u2066", "https://go.dev/a"],
  ["看https://go.dev/a", "https://go.dev/a"],
  ["javascript:alert(1) data:text/html,hi //go.dev ftp://go.dev mailto:a@go.dev go.dev"],
  ["https:// http://. https://) http://[ http://go.dev:99999"],
  ["https://bank.example@evil.example/ https://a:b@evil.example"],
  ["https://bank.example\u2044a.evil.example/", "https://bank.example"], // \u2044 looks like a slash
  ["https://bücher.example/ https://例え.example", "https://bücher.example/ → https://xn--bcher-kva.example/", "https://例え.example → https://xn--r8jz45g.example/"],
  ["https://bank.example\\@evil.example", "https://bank.example\\@evil.example → https://bank.example/@evil.example"],
  ["http\u017f://go.dev"], // \u017f is a long s: without upper and lower case it equals an s
  ["<a href=https://go.dev/a>", "https://go.dev/a"],
];

scenario("addresses are links", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  for (const [i, [text, ...links]] of examples.entries()) {
    server.sends(chat(i + 1, "bob", text));
    await ada.sees(`bob: ${text}`); // every character of it
    await ada.waitFor((links) => {
      const found = [...document.querySelectorAll("#messages li:last-child a")].map((link) => {
        const shown = link.textContent;
        return shown === link.href || shown + "/" === link.href ? shown : `${shown} → ${link.href}`;
      });
      return JSON.stringify(found) === JSON.stringify(links);
    }, links);
  }
});

scenario("links fit, and everyone can use them", { sizes: everySize, schemes: ["light", "dark"] }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const long = `https://go.dev/${"long".repeat(400)}`;
  server.sends(...[...examples, [long]].map(([text], i) => chat(i + 1, "bob", text)));
  await ada.sees(`bob: ${long}`);
  await ada.fits();
  await ada.passesAxe();
});

scenario("a link gives nothing away", { sizes: everySize }, async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  const address = `${stage.origin}/icon.svg`;
  server.sends(chat(1, "bob", address));
  await ada.sees(`bob: ${address}`);
  const tab = await opensInATab(ada, address, () => ada.clicks("#messages a"));
  try {
    const known = await tab.evaluate("({ hasOpener: opener !== null, referrer: document.referrer })");
    assert.deepEqual(known, { hasOpener: false, referrer: "" }, "the page that a link opens knows where it comes from");
  } finally {
    await tab.close();
  }
  await ada.isConnected(); // and this page is still there
});

// A search that goes back over the text again and again would keep the page busy.
// Here it would take minutes: the texts are fifty times as long as the server allows.
scenario("no text takes long", async ({ openStage }) => {
  const ada = await (await openStage()).newcomer();
  const length = 50 * maxText;
  for (const [start, part] of [
    ["", "h"], ["", "http"], ["", "http://"], ["", "https://a"], ["", "http://."], ["", "http://a "],
    ["https://go.dev/", ")"], ["https://go.dev/", "("], ["https://go.dev/", "."], ["https://go.dev/", "a.b@"], ["https://go.dev/", "http://a("],
  ]) {
    await within(patience, `${start}${part}${part}… takes too long`, () => ada.evaluates(async (start, part, length) => {
      const { withLinks } = await import("/links.js");
      withLinks((start + part.repeat(length)).slice(0, length));
    }, start, part, length));
  }
});

// opensInATab returns the tab that the page opens for this address.
async function opensInATab(person, address, action) {
  const context = person.page.browserContext();
  const [target] = await Promise.all([context.waitForTarget((target) => target.url() === address), action()]);
  return target.page();
}
