// A Viewer is a Person who has the lab open, and not the chat.

import assert from "node:assert/strict";
import { Person } from "./person.js";

export class Viewer extends Person {
  // What a viewer does.

  // asks opens the question of a trouble.
  async asks(name) {
    await this.clicks(`#${name} summary`);
    await this.isAsked(name);
  }

  // causes opens the question, and causes the trouble.
  async causes(name) {
    await this.asks(name);
    await this.clicks(`#${name} button`);
  }

  async stopsEverything() {
    await this.clicks("#stop-all");
  }

  // tabsTo presses Tab until an element has the focus.
  async tabsTo(selector) {
    for (let n = 0; n < 40; n++) {
      await this.presses("Tab");
      if (await this.evaluates((selector) => document.activeElement.matches(selector), selector)) return this.isOn(selector);
    }
    assert.fail(`the Tab key does not lead to ${selector}`);
  }

  // goesBackTo clicks on an event. The list must be at rest: a new event moves the others.
  async goesBackTo(words) {
    await this.front();
    const button = await this.page.evaluateHandle(`[...document.querySelectorAll("#happened button")]
      .find((button) => button.textContent.includes(${JSON.stringify(words)}))`);
    await button.asElement().click();
  }

  async prefersReducedMotion() {
    await this.page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    this.scene.cleanUp(() => this.page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "" }]));
    await this.waitFor(() => matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  // What a viewer sees.

  async isLive() {
    await this.reads("#status", "live");
  }

  // isAsked waits until the question of this trouble, and no other, is open.
  async isAsked(name) {
    await this.waitFor((name) => {
      const open = [...document.querySelectorAll("#troubles details[open]")];
      return open.length === 1 && open[0].id === name && location.hash === `#${name}`;
    }, name);
  }

  // isRunning waits until these troubles, and no others, are marked.
  async isRunning(...names) {
    await this.waitFor((names) => {
      const marked = [...document.querySelectorAll("#troubles details")].filter((trouble) => trouble.querySelector("summary span").textContent === "running");
      return JSON.stringify(marked.map(({ id }) => id)) === JSON.stringify(names);
    }, names);
  }

  // counts waits until a figure is at least this number, and at most that one.
  async counts(figure, least, most = least) {
    await this.waitFor((figure, least, most) => {
      const name = [...document.querySelectorAll("#numbers dt")].find((name) => name.textContent === figure);
      const number = parseFloat(name?.nextSibling.textContent.replaceAll(",", ""));
      return number >= least && number <= most;
    }, figure, least, most);
  }

  // finds waits until a figure has these words.
  async finds(figure, words) {
    await this.waitFor((figure, words) => [...document.querySelectorAll("#numbers dt")]
      .some((name) => name.textContent === figure && name.nextSibling.textContent.includes(words)), figure, words);
  }

  // draws waits until these clients, and no others, have rows in the picture.
  async draws(...names) {
    await this.waitFor((names) => {
      const drawn = [...document.querySelectorAll("#picture g:not(.free, .group, .room)")].map((row) => row.querySelector("text").textContent);
      return JSON.stringify(drawn.sort()) === JSON.stringify(names);
    }, names);
  }

  // drawsRooms waits until these, and no others, are the stream and the other machines in the picture. Each
  // has these words.
  async drawsRooms(...words) {
    await this.waitFor((words) => {
      const rooms = [...document.querySelectorAll("#picture .room:not(.away)")];
      return rooms.length === words.length && rooms.every((room, n) => room.textContent.includes(words[n]));
    }, words);
  }

  // listed returns the cells of a client's row in the table.
  async listed(name) {
    const cells = (name) => [...document.querySelectorAll("#clients tr")].find((row) => row.cells[0].textContent === name);
    await this.waitFor(cells, name);
    return this.evaluates(`(name) => [...(${cells})(name).cells].map((cell) => cell.textContent)`, name);
  }

  // hasHappened waits for an event with these words.
  async hasHappened(words) {
    await this.waitFor((words) => document.getElementById("happened").textContent.includes(words), words);
  }

  // fits fails if a part of the page sticks out to the side. The page itself scrolls up and
  // down, and the picture and the table scroll within their boxes.
  async fits() {
    const problems = await this.evaluates(() => {
      const slack = 0.5; // pixels: sizes have fractions, and windows do not
      const sticksOut = (part) => {
        const box = part.getBoundingClientRect();
        return !part.parentElement.closest("#picture, #clients") && (box.left < -slack || box.right > innerWidth + slack);
      };
      return [...document.querySelectorAll("body *")].filter(sticksOut).map((part) => `${part.tagName} ${part.id} sticks out`).concat(
        document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the page scrolls sideways"] : []);
    });
    assert.deepEqual(problems, [], `the lab does not fit into ${JSON.stringify(this.page.viewport())}`);
  }
}
