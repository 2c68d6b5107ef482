// The newest records of a tail, up to a number and a size, and those of them that a filter lets
// through. Beside records it holds notes: what is missing between them.

export const kMaxRows = 10_000;
const kMaxTextLength = 32 << 20;  // of keys and values together
const kSlack = 1_000;  // rows that go at once

export class RecordStore {
  rows = [];  // oldest first
  shown = [];  // of them, those that the filter lets through
  received = 0;  // records, since the last clear()
  letGo = 0;  // rows that left `shown` at its front, ever
  #length = 0;
  #text = "";
  #field = "any";

  // A row is {p, o, t, key, value, headers, size} or {note}. Keys and values are text, a Uint8Array
  // or null.
  add(row) {
    this.rows.push(row);
    if (row.note === undefined) ++this.received;
    this.#length += row.size ?? 0;
    if (this.#lets(row)) this.shown.push(row);
    if (this.rows.length > kMaxRows + kSlack || this.#length > kMaxTextLength) this.#trim();
  }

  filter(text, field) {
    this.#text = text.toLowerCase();
    this.#field = field;
    this.shown = this.rows.filter((row) => this.#lets(row));
  }
  get filtered() {
    return this.#text !== "";
  }

  clear() {
    this.rows = [];
    this.shown = [];
    this.received = 0;
    this.#length = 0;
  }

  #lets(row) {
    if (this.#text === "" || row.note !== undefined) return true;
    const has = (text) => typeof text === "string" && text.toLowerCase().includes(this.#text);
    return (this.#field !== "value" && has(row.key)) || (this.#field !== "key" && has(row.value));
  }

  #trim() {
    let count = Math.max(0, this.rows.length - kMaxRows);
    let length = this.#length;
    for (let i = 0; i < count; ++i) length -= this.rows[i].size ?? 0;
    // The newest stays, however large it is.
    while (length > kMaxTextLength / 2 && count < this.rows.length - 1) {
      length -= this.rows[count++].size ?? 0;
    }
    this.#length = length;
    const gone = new Set(this.rows.splice(0, count));
    let hidden = 0;
    while (hidden < this.shown.length && gone.has(this.shown[hidden])) ++hidden;
    this.shown.splice(0, hidden);
    this.letGo += hidden;
  }
}
