// Keys and values as text: in a row, and in full.

const kRowCharacters = 600;
const kRowBytes = 48;
const kDumpBytes = 4_096;

const isBinary = (value) => value instanceof Uint8Array;
const hex = (byte) => byte.toString(16).padStart(2, "0");

function binaryText(bytes) {
  const first = bytes.subarray(0, kRowBytes);
  const more = bytes.length > first.length ? " …" : "";
  return `${bytes.length} bytes  ${[...first].map(hex).join(" ")}${more}`;
}

function rowText(text) {
  if (text === null) return "null";
  if (isBinary(text)) return binaryText(text);
  return text.length > kRowCharacters ? `${text.slice(0, kRowCharacters)} …` : text;
}

export const keyText = (row) => rowText(row.key);
export const valueText = (row) => rowText(row.value);

// Of a key or a header, in full: bytes are base64.
export function fieldText(text) {
  if (!isBinary(text)) return text ?? "null";
  return btoa(Array.from(text, (byte) => String.fromCharCode(byte)).join(""));
}

// JSON is laid out; bytes are dumped as `hexdump -C` does.
export function wholeValue(row) {
  if (row.value === null) return "null: a tombstone";
  if (isBinary(row.value)) return dump(row.value);
  if (/^\s*[[{]/.test(row.value)) {
    try {
      return layOut(row.value);
    } catch {
      // It only looked like JSON.
    }
  }
  return row.value;
}

// Numbers keep their digits: only the white space between the tokens changes.
function layOut(json) {
  JSON.parse(json);
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  let out = "";
  for (let i = 0; i < tokens.length; ++i) {
    const token = tokens[i];
    const empty = "}]".includes(tokens[i + 1] ?? " ");
    if (token === "{" || token === "[") {
      if (empty) {
        out += token + tokens[++i];
      } else {
        ++depth;
        out += token + line();
      }
    } else if (token === "}" || token === "]") {
      --depth;
      out += line() + token;
    } else if (token === ",") {
      out += token + line();
    } else {
      out += token === ":" ? ": " : token;
    }
  }
  return out;
}

function dump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, kDumpBytes); at += 16) {
    const row = [...bytes.slice(at, at + 16)];
    const text = row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : "."));
    lines.push(`${at.toString(16).padStart(6, "0")}  ${row.map(hex).join(" ").padEnd(48)}  ` +
      text.join(""));
  }
  if (bytes.length > kDumpBytes) lines.push(`… ${bytes.length - kDumpBytes} bytes more`);
  return lines.join("\n");
}
