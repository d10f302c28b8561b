// What a Room and a Stage have in common: an address, and people who open it.

import { Person } from "./person.js";

export class House {
  constructor(scene) {
    this.scene = scene;
  }

  // someone has a window, and has not opened the page yet.
  async someone() {
    return Person.enter(this.scene, this.origin);
  }

  // newcomer has the page open, and has given no name yet.
  async newcomer() {
    const person = await this.someone();
    await person.opens();
    await person.isOn("#name");
    return person;
  }
}
