// The title counts the messages that arrive while nobody can see the page.

import { scenario } from "./lib/scenario.js";
import { chat } from "./lib/stage.js";

const title = "Go Real-Time Chat App";

scenario("the title counts the messages that arrive while the page is hidden", async ({ openStage }) => {
  const stage = await openStage();
  let { person: ada, server } = await stage.visitor("ada");
  server.sends(chat(1, "bob", "seen"));
  await ada.sees("bob: seen");
  await isTitled(ada, title);

  await ada.hides();
  await isTitled(ada, title);
  server.sends(chat(2, "bob", "one"));
  await isTitled(ada, `(1) ${title}`);
  server.sends(chat(2, "bob", "one"), chat(3, "bob", "two"));
  await isTitled(ada, `(2) ${title}`);
  server.sends(); // a heartbeat is no message
  await server.gets({});
  await isTitled(ada, `(2) ${title}`);

  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", chat(2, "bob", "one"), chat(3, "bob", "two"), chat(4, "bob", "three"));
  await isTitled(ada, `(3) ${title}`);

  await ada.showsAgain();
  await isTitled(ada, title);
  server.sends(chat(5, "bob", "seen again"));
  await ada.sees("bob: seen again");
  await isTitled(ada, title);
  await ada.hides();
  server.sends(chat(6, "bob", "one more"));
  await isTitled(ada, `(1) ${title}`);
});

scenario("the title counts apart the messages that name the reader", async ({ openStage }) => {
  const stage = await openStage();
  const { person: ada, server } = await stage.visitor("ada");
  await ada.hides();
  server.sends(chat(1, "bob", "hello"), chat(2, "bob", "is Ada here?"));
  await isTitled(ada, `(2, 1 for you) ${title}`);
  server.sends(chat(3, "ada", "ada speaks in another tab"), chat(4, "bob", "see https://ada.example/"), chat(5, "bob", "@ada!"));
  await isTitled(ada, `(5, 2 for you) ${title}`);
  await ada.showsAgain();
  await isTitled(ada, title);
});

// A page may be opened in the background, too.
scenario("the title does not count the messages of the first history", async ({ openStage }) => {
  await opensInTheBackground(await openStage(), chat(1, "bob", "one"), chat(2, "bob", "two"));
});

scenario("the title counts the first message after an empty history", async ({ openStage }) => {
  await opensInTheBackground(await openStage());
});

async function opensInTheBackground(stage, ...history) {
  const ada = await stage.newcomer();
  await ada.hides();
  await ada.evaluates(() => { // a hidden page gets no keys
    document.getElementById("name").value = "ada";
    document.querySelector("#join button").click();
  });
  let server = await stage.comes("ada");
  server.welcomes("ada", ...history);
  await ada.isConnected();
  await isTitled(ada, title);

  server.hangsUp();
  server = await stage.comes("ada");
  server.welcomes("ada", chat(3, "bob", "three"));
  await isTitled(ada, `(1) ${title}`);
}

async function isTitled(person, title) {
  await person.waitFor((title) => document.title === title, title);
}
