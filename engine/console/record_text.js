// Keys and values as text: in a row, and in full.

const kRowCharacters = 600;
const kDumpBytes = 4_096;

const decode = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const hex = (byte) => byte.toString(16).padStart(2, "0");

function binaryText(base64) {
  const whole = Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
  const first = decode(base64.slice(0, 64));
  return `${whole} bytes  ${[...first].map(hex).join(" ")}${whole > first.length ? " …" : ""}`;
}

function rowText(text, binary) {
  if (text === null) return "null";
  if (binary) return binaryText(text);
  return text.length > kRowCharacters ? `${text.slice(0, kRowCharacters)} …` : text;
}

export const keyText = (row) => rowText(row.key, row.binaryKey);
export const valueText = (row) => rowText(row.value, row.binary);

// JSON is laid out; bytes are dumped as `hexdump -C` does.
export function wholeValue(row) {
  if (row.value === null) return "null: a tombstone";
  if (row.binary) return dump(decode(row.value));
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
