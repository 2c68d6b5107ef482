// How fast totals grow, and what that looked like in the last minutes.

const kSamples = 60;

export class Rate {
  #total = null;
  #atMs = 0;
  now = null;  // a second; null until there are two totals
  history = [];  // the newest last; null where it is not known

  // A total that went down belongs to a server that was started again.
  take(total, atMs) {
    const known = this.#total !== null && total >= this.#total && atMs > this.#atMs;
    this.now = known ? ((total - this.#total) * 1000) / (atMs - this.#atMs) : null;
    this.#total = total;
    this.#atMs = atMs;
    this.history.push(this.now);
    if (this.history.length > kSamples) this.history.shift();
  }
}

const kSvg = "http://www.w3.org/2000/svg";
const kWidth = 100;
const kHeight = 24;

// Draws a history into an <svg>, the newest at the right edge, from zero to the largest.
export function sparkline(svg, history) {
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", `0 0 ${kWidth} ${kHeight}`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (const name of ["area", "line"]) {
      const path = document.createElementNS(kSvg, "path");
      path.setAttribute("class", name);
      svg.append(path);
    }
  }
  const largest = Math.max(1e-9, ...history.map((value) => value ?? 0));
  const step = kWidth / (kSamples - 1);
  let line = "";
  let area = "";
  let from = null;  // where the piece that is being drawn begins
  let x = kWidth - (history.length - 1) * step;
  const end = () => {
    if (from !== null) area += `L${(x - step).toFixed(1)} ${kHeight}L${from} ${kHeight}Z`;
    from = null;
  };
  for (const value of history) {
    if (value === null) {
      end();
    } else {
      const y = (kHeight - 1.5 - (value / largest) * (kHeight - 3)).toFixed(1);
      const point = `${x.toFixed(1)} ${y}`;
      line += (from === null ? "M" : "L") + point;
      area += (from === null ? "M" : "L") + point;
      if (from === null) from = x.toFixed(1);
    }
    x += step;
  }
  end();
  svg.children[0].setAttribute("d", area);
  svg.children[1].setAttribute("d", line);
}
