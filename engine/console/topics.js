// The topics: what the server says of them, their rates, and the table that shows them.

import { bytes, count, plural, rate } from "./format.js";
import { Rate, sparkline } from "./rates.js";

const kMaxRows = 200;  // in the table; a search shows the others

export class Topics {
  all = new Map();  // by id
  leftOut = 0;
  records = new Rate();  // of all topics that are not internal
  bytes = new Rate();
  #recordsTotal = 0;
  #bytesTotal = 0;
  #last = new Map();  // id -> the totals before

  // The answer of /v1/topics, at a time of performance.now().
  take(listing, atMs) {
    const seen = new Map();
    for (const topic of listing.topics) {
      const known = this.all.get(topic.id) ??
        { rate: new Rate(), bytesRate: new Rate(), name: topic.name, id: topic.id };
      Object.assign(known, totals(topic), {
        internal: topic.internal,
        partitions: topic.partitions,
        partition_count: topic.partition_count,
      });
      known.rate.take(known.end, atMs);
      known.bytesRate.take(known.endBytes, atMs);
      seen.set(topic.id, known);
    }
    this.all = seen;
    this.leftOut = listing.partitions_left_out;
    this.#count(atMs);
  }

  byName(name) {
    for (const topic of this.all.values()) if (topic.name === name) return topic;
    return null;
  }
  // Without the internal ones.
  get own() {
    return [...this.all.values()].filter((topic) => !topic.internal);
  }

  // A topic that went must not make the sum go down; one that a server lost with a restart may.
  #count(atMs) {
    const last = this.#last;
    this.#last = new Map();
    for (const topic of this.own) {
      const before = last.get(topic.id) ?? { end: topic.end, endBytes: topic.endBytes };
      this.#recordsTotal += Math.max(0, topic.end - before.end);
      this.#bytesTotal += Math.max(0, topic.endBytes - before.endBytes);
      this.#last.set(topic.id, { end: topic.end, endBytes: topic.endBytes });
    }
    this.records.take(this.#recordsTotal, atMs);
    this.bytes.take(this.#bytesTotal, atMs);
  }
}

function totals(topic) {
  const sum = { end: 0, kept: 0, size: 0, endBytes: 0 };
  for (const { start, end, size_bytes, end_bytes } of topic.partitions) {
    sum.end += Number(end);
    sum.kept += Number(end) - Number(start);
    sum.size += size_bytes;
    sum.endBytes += end_bytes;
  }
  return sum;
}

const kValues = {
  name: (topic) => topic.name,
  rate: (topic) => topic.rate.now ?? 0,
  bytesRate: (topic) => topic.bytesRate.now ?? 0,
  end: (topic) => topic.end,
  size: (topic) => topic.size,
};

export class TopicsView {
  onchoose = () => {};
  #topics;
  #table;
  #body;
  #note;
  #rows = new Map();  // id -> {row, cells}
  #sort = "";
  #down = false;
  #text = "";
  #internal = false;
  #chosen = null;

  constructor(topics, { table, note, filter, internal }) {
    this.#topics = topics;
    this.#table = table;
    this.#body = table.tBodies[0];
    this.#note = note;
    filter.addEventListener("input", () => {
      this.#text = filter.value.toLowerCase();
      this.draw();
    });
    internal.addEventListener("change", () => {
      this.#internal = internal.checked;
      this.draw();
    });
    for (const head of table.querySelectorAll("th[data-sort]")) {
      head.querySelector("button").addEventListener("click", () => this.#sortBy(head.dataset.sort));
    }
    this.#body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.onchoose(row.dataset.name);
    });
    this.#body.addEventListener("keydown", (event) => this.#key(event));
    this.#sortBy("name");
  }

  choose(name) {
    this.#chosen = name;
    this.draw();
  }

  draw() {
    const value = kValues[this.#sort];
    const sign = this.#down ? -1 : 1;
    const found = [...this.#topics.all.values()]
      .filter((topic) => (this.#internal || !topic.internal) &&
        topic.name.toLowerCase().includes(this.#text))
      .sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x !== y) return x < y ? -sign : sign;
        return a.name < b.name ? -1 : 1;
      });
    const drawn = new Map();
    let place = this.#body.firstElementChild;
    for (const topic of found.slice(0, kMaxRows)) {
      const entry = this.#rows.get(topic.id) ?? this.#make(topic);
      this.#fill(entry, topic);
      if (entry.row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(entry.row, place);
      drawn.set(topic.id, entry);
    }
    for (const [id, { row }] of this.#rows) if (!drawn.has(id)) row.remove();
    this.#rows = drawn;
    this.#say(found.length);
  }

  #say(found) {
    const lines = [];
    if (found > kMaxRows) lines.push(`${count(found - kMaxRows)} more: search for them by name.`);
    if (found === 0) lines.push("No topic has such a name.");
    if (this.#topics.leftOut > 0) {
      lines.push(`${plural(this.#topics.leftOut, "partition")} not listed, beyond the server's ` +
        "http-max-listed-partitions.");
    }
    this.#note.textContent = lines.join(" ");
    this.#note.hidden = lines.length === 0;
  }

  #make(topic) {
    const row = document.createElement("tr");
    row.dataset.name = topic.name;
    const cells = {};
    for (const [name, kind] of [["name", ""], ["rate", "number"], ["trend", "trend"],
      ["bytesRate", "number optional"], ["end", "number"], ["size", "number optional"]]) {
      cells[name] = row.insertCell();
      cells[name].className = kind;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "topic mono";
    button.textContent = topic.name;
    cells.parts = document.createElement("span");
    cells.parts.className = "note";
    button.title = topic.name;
    const name = document.createElement("div");
    name.className = "topic-name";
    name.append(button, cells.parts);
    cells.name.append(name);
    cells.spark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    cells.spark.setAttribute("class", "spark");
    cells.spark.setAttribute("aria-hidden", "true");
    cells.trend.append(cells.spark);
    return { row, cells };
  }

  #fill({ row, cells }, topic) {
    const chosen = topic.name === this.#chosen;
    if (chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    const offline = topic.partitions.filter((partition) => partition.offline).length;
    put(cells.parts, [topic.partition_count > 1 ? `× ${count(topic.partition_count)}` : "",
      offline > 0 ? `${count(offline)} offline` : ""].filter(Boolean).join(", "));
    put(cells.rate, rate(topic.rate.now));
    put(cells.bytesRate, bytes(topic.bytesRate.now));
    put(cells.end, count(topic.end));
    put(cells.size, bytes(topic.size));
    sparkline(cells.spark, topic.rate.history);
  }

  #sortBy(column) {
    this.#down = column === this.#sort ? !this.#down : column !== "name";
    this.#sort = column;
    for (const head of this.#table.querySelectorAll("th[data-sort]")) {
      if (head.dataset.sort !== column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.#down ? "descending" : "ascending");
    }
    this.draw();
  }

  #key(event) {
    const row = event.target.closest("tr");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling };
    if (!(event.key in next)) return;
    event.preventDefault();
    next[event.key]?.querySelector("button").focus();
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
