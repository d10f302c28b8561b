// What the browser stores for the page. The page also works if the browser refuses.

export function remember(storage, key, value) {
  try {
    window[storage].setItem(key, value); // even window.localStorage can throw
  } catch {
    // full or blocked: the value is lost with the page
  }
}

export function recall(storage, key) {
  try {
    return window[storage].getItem(key);
  } catch {
    return null; // as if nothing had been stored
  }
}
