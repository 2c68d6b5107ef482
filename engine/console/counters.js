// Every counter of the server, with how fast it grows, in a dialog.

import { count, rate } from "./format.js";
import { Rate } from "./rates.js";

// Series of topics are in the tables of topics.
const kElsewhere = "duolog_partition_";

export class Counters {
  #dialog;
  #rows;
  #filter;
  #zero;
  #known = new Map();  // name -> {row, cells, rate}

  constructor({ dialog, rows, filter, zero, close }) {
    this.#dialog = dialog;
    this.#rows = rows;
    this.#filter = filter;
    this.#zero = zero;
    close.addEventListener("click", () => this.close());
    filter.addEventListener("input", () => this.#choose());
    zero.addEventListener("change", () => this.#choose());
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#draw();
  }

  close() {
    this.#dialog.close();
  }
  get isOpen() {
    return this.#dialog.open;
  }

  take(metrics, atMs) {
    for (const [name, family] of metrics.families) {
      if (name.startsWith(kElsewhere)) continue;
      const known = this.#known.get(name) ?? this.#add(name, family.help);
      known.now = metrics.sum(name);
      if (family.type === "counter") known.rate.take(known.now, atMs);
    }
    if (this.#dialog.open) this.#draw();
  }

  #add(name, help) {
    const row = document.createElement("tr");
    const cells = ["mono", "number", "number", "note optional"].map((kind) => {
      const cell = row.insertCell();
      cell.className = kind;
      return cell;
    });
    cells[0].textContent = name;
    cells[3].textContent = help;
    const known = { row, cells, rate: new Rate(), now: 0, text: `${name} ${help}`.toLowerCase() };
    this.#known.set(name, known);
    this.#rows.append(row);
    return known;
  }

  #draw() {
    for (const { cells, now, rate: growth } of this.#known.values()) {
      cells[1].textContent = Number.isInteger(now) ? count(now)
        : now < 1 ? now.toPrecision(3) : now.toFixed(3);
      cells[2].textContent = growth.history.length > 0 ? rate(growth.now) : "";
    }
    this.#choose();
  }

  #choose() {
    const text = this.#filter.value.toLowerCase();
    for (const known of this.#known.values()) {
      known.row.hidden = !known.text.includes(text) || (known.now === 0 && !this.#zero.checked);
    }
  }
}
