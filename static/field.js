// A field, and the error below it.

export function showError(field, words) {
  document.getElementById(`${field.id}-error`).textContent = words;
  field.ariaInvalid = words !== "";
}

// write changes a text as if somebody typed.
export function write(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// When the text changes, the error is no longer about it.
document.addEventListener("input", (event) => showError(event.target, ""));
