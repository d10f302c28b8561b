import { playEverythingIn } from "./lib/everything.js";

await playEverythingIn("firefox");
