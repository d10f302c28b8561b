import { playEverythingIn } from "./lib/everything.js";

playEverythingIn("chromium");
