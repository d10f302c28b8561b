// withLinks turns the addresses in a text into links. split keeps what the group in
// its pattern matches, so every second part is an address. An address has no hidden
// characters (\p{Cf}), and its host nothing that looks like a slash.
export function withLinks(text) {
  const parts = text.split(/\b(https?:\/\/[\p{L}\p{M}\p{N}.:[\]-]+(?:[/\\?#@][^\s<>"\p{Cf}]*)?)/iu);
  return parts.flatMap((part, i) => i % 2 === 0 ? part : link(part));
}

function link(part) {
  const address = withoutTail(part);
  if (!URL.canParse(address)) return part;
  const { username, password } = new URL(address);
  if (username || password) return part; // https://bank.test@evil.test leads to evil.test
  const anchor = document.createElement("a");
  anchor.href = anchor.textContent = address;
  anchor.target = "_blank";
  anchor.rel = "noopener";
  anchor.dir = "ltr";
  return [anchor, part.slice(address.length)];
}

// An address ends before the bracket that closes around it, and before punctuation.
function withoutTail(part) {
  let open = 0;
  let end = 0;
  for (; end < part.length; end++) {
    if ("([{".includes(part[end])) open++;
    if (")]}".includes(part[end]) && --open < 0) break;
  }
  while (".,:;!?'…".includes(part[end - 1])) end--;
  return part.slice(0, end);
}
