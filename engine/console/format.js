// Numbers, sizes and times as text. A number that is not known is a dash.

const kDash = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const kUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export const count = (number) => (number === null ? kDash : whole.format(number));

// Of something a second: as many digits as can be read while it changes.
export function rate(number) {
  if (number === null) return kDash;
  if (number < 0.0005) return "0";
  if (number < 0.05) return number.toFixed(3);
  if (number < 100) return tenth.format(number);
  if (number < 100_000) return whole.format(number);
  return number < 1e7 ? `${tenth.format(number / 1e3)} k` : `${tenth.format(number / 1e6)} M`;
}

export function bytes(number) {
  if (number === null) return kDash;
  let unit = 0;
  while (number >= 1024 && unit < kUnits.length - 1) {
    number /= 1024;
    ++unit;
  }
  const digits = unit > 0 && number < 100 ? tenth : whole;
  return `${digits.format(number)} ${kUnits[unit]}`;
}

const two = (number) => String(number).padStart(2, "0");

// The time of day, to the millisecond.
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` +
    `.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

export function duration(seconds) {
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit));
  if (minutes === 0) return `${Math.floor(seconds)} s`;
  if (hours === 0) return `${minutes} min`;
  return days === 0 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`;
}

export const plural = (number, one, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;
