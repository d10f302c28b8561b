// A field, and the error below it.

export function showError(field, words) {
  document.getElementById(`${field.id}-error`).textContent = words;
  field.ariaInvalid = words !== "";
}

// When the text changes, the error is no longer about it.
document.addEventListener("input", (event) => showError(event.target, ""));
