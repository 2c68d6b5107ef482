// The records of a tail, on the screen: as many rows as are visible, however many there are.
//
// Everything that comes between two frames is drawn once. The list stays at its end while it is
// there; who scrolls up reads in peace.

import { clock } from "./format.js";
import { keyText, valueText } from "./record_text.js";

const kRowHeight = 26;  // style.css has the same
const kAround = 6;  // rows beyond the visible ones

export class TailView {
  chosen = null;  // a row
  onchoose = () => {};
  ondrawn = () => {};
  #store;
  #list;
  #sizer;
  #layer;
  #newest;
  #elements = [];
  #follows = true;
  #scrolledTo = 0;  // by this object; -1: somebody else has scrolled since
  #letGo = 0;
  #drawing = false;

  constructor(store, list, newest) {
    this.#store = store;
    this.#list = list;
    this.#sizer = list.querySelector(".sizer");
    this.#layer = list.querySelector(".layer");
    this.#newest = newest;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    newest.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.#resized()).observe(list);
  }

  follow() {
    this.#follows = true;
    this.drawSoon();
  }

  drawSoon() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
      this.ondrawn();
    });
  }

  // What is looked at does not move away.
  choose(row) {
    this.chosen = row;
    if (row !== null) this.#follows = false;
    this.onchoose(row);
    this.drawSoon();
  }

  #draw() {
    const { shown } = this.#store;
    this.#sizer.style.height = `${shown.length * kRowHeight}px`;
    const room = this.#list.clientHeight - this.#headHeight();
    if (this.#follows) {
      this.#scroll(shown.length * kRowHeight);
    } else if (this.#store.letGo !== this.#letGo) {
      this.#scroll(this.#list.scrollTop - (this.#store.letGo - this.#letGo) * kRowHeight);
    }
    this.#letGo = this.#store.letGo;
    const first = Math.max(0, Math.floor(this.#list.scrollTop / kRowHeight) - kAround);
    const last = Math.min(shown.length, first + Math.ceil(room / kRowHeight) + 2 * kAround);
    while (this.#elements.length < last - first) this.#elements.push(this.#make());
    this.#layer.style.transform = `translateY(${first * kRowHeight}px)`;
    this.#list.setAttribute("aria-rowcount", shown.length + 1);
    for (let i = 0; i < this.#elements.length; ++i) {
      this.#fill(this.#elements[i], first + i < last ? shown[first + i] : null, first + i);
    }
    this.#newest.hidden = this.#follows;
  }

  #headHeight() {
    return this.#list.firstElementChild.offsetHeight;
  }

  #make() {
    const element = document.createElement("div");
    element.className = "record";
    element.setAttribute("role", "row");
    const cells = ["time", "partition number", "offset number", "key", "value"].map((name) => {
      const cell = document.createElement("span");
      cell.className = name;
      cell.setAttribute("role", "gridcell");
      return cell;
    });
    element.append(...cells);
    this.#layer.append(element);
    return { element, cells, row: undefined, index: -1 };
  }

  #fill(slot, row, index) {
    const { element, cells } = slot;
    element.hidden = row === null;
    if (row === null) return void (slot.row = null);
    if (slot.index !== index) element.setAttribute("aria-rowindex", index + 2);
    slot.index = index;
    element.setAttribute("aria-selected", row === this.chosen);
    if (slot.row === row) return;
    slot.row = row;
    const note = row.note !== undefined;
    element.className = note ? "record note-row" : "record";
    const texts = note ? ["", "", "", "", row.note]
      : [clock(row.t), String(row.p), row.o, keyText(row), valueText(row)];
    for (let i = 0; i < cells.length; ++i) cells[i].textContent = texts[i];
    cells[3].classList.toggle("nothing", !note && row.key === null);
    cells[4].classList.toggle("nothing", !note && typeof row.value !== "string");
  }

  #scroll(top) {
    this.#list.scrollTop = top;
    this.#scrolledTo = this.#list.scrollTop;  // which has its limits
  }

  // It is told of its own scrolling, too, and later.
  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    if (scrollTop === this.#scrolledTo) return;
    this.#scrolledTo = -1;
    this.#follows = scrollTop + clientHeight >= scrollHeight - kRowHeight / 2;
    this.drawSoon();
  }

  #resized() {
    const at = this.chosen ? this.#store.shown.indexOf(this.chosen) : -1;
    if (at >= 0) this.#show(at);
    else this.drawSoon();
  }

  #clicked(event) {
    const element = event.target.closest(".record:not(.head)");
    const slot = this.#elements.find((candidate) => candidate.element === element);
    if (slot?.row && slot.row.note === undefined) this.choose(slot.row);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const { shown } = this.#store;
    if (event.key === "End") this.follow();
    else if (event.key === "Home") this.#show(0);
    else if (step && shown.length > 0) this.#step(step);
    else return;
    event.preventDefault();
  }

  #step(step) {
    const { shown } = this.#store;
    const at = this.chosen ? shown.indexOf(this.chosen) : -1;
    let to = at < 0 ? shown.length - 1 : Math.min(Math.max(at + step, 0), shown.length - 1);
    while (shown[to]?.note !== undefined) to += Math.sign(step);
    if (!shown[to]) return;
    this.choose(shown[to]);
    this.#show(to);
  }

  // Scrolls as little as makes row number `index` visible.
  #show(index) {
    const top = index * kRowHeight;
    const room = this.#list.clientHeight - this.#headHeight();
    if (top < this.#list.scrollTop) this.#scroll(top);
    else if (top + kRowHeight > this.#list.scrollTop + room) this.#scroll(top + kRowHeight - room);
    this.#follows = false;
    this.drawSoon();
  }
}
