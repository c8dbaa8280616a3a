/** Formatting of numbers and names. */

/** 1234567 -> "1,234,567". @param {number} n */
export const count = (n) => Math.round(n).toLocaleString("en-US");

/** An abbreviated count: 1,234 -> "1.2k", 5,600,000 -> "5.6M". @param {number} n */
export function brief(n) {
  const [size, unit] = n >= 999_500 ? [1e6, "M"] : n >= 1000 ? [1000, "k"] : [1, ""];
  const value = n / size;
  return unit && value < 9.95 ? `${value.toFixed(1)}${unit}` : `${Math.round(value)}${unit}`;
}

/** A probability with two digits: .93, 1, 0. @param {number|null|undefined} p */
export function probability(p) {
  if (p === null || p === undefined || !Number.isFinite(p)) return "–";
  if (p > 0.995 && p < 1) return ">.99";
  if (p < 0.005 && p > 0) return "<.01";
  const text = p.toFixed(2);
  return text === "1.00" ? "1" : text === "0.00" ? "0" : text.replace(/^(-?)0/, "$1");
}

/** A short number for axes and ranges: three significant digits, no trailing zeros. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/**
 * A value rounded to a thousandth of its range: 3.7e-19 in 0 to 1 is 0.
 * @param {number} value @param {number[]} span
 */
export function within(value, [low, high]) {
  const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-300) / 500));
  return short(Math.round(value / step) * step);
}

/** A text shortened to a length by an ellipsis in the middle, so that its end stays readable. @param {string} text */
export function clip(text, most = 24) {
  const points = [...String(text)];
  if (points.length <= most) return String(text);
  const head = Math.ceil((most - 1) * 0.6);
  return `${points.slice(0, head).join("")}…${points.slice(points.length - (most - 1 - head)).join("")}`;
}

/** @type {WeakMap<string[], Map<number, string[]>>} */
const shortened = new WeakMap();

/**
 * Names shortened to a length but still distinct: they are cut in the middle, or at their common start if they would
 * become equal. Cached for each list of names.
 * @param {string[]} names @param {number} most characters
 * @returns {string[]}
 */
export function shortNames(names, most) {
  const known = shortened.get(names) ?? new Map(),
    fitting = known.get(most) ?? shorten(names, most);
  shortened.set(names, known.set(most, fitting));
  return fitting;
}

/** @param {string[]} names @param {number} most */
function shorten(names, most) {
  const out = names.map((name) => clip(name, most)),
    alike = /** @type {Map<string, number[]>} */ (new Map());
  out.forEach((text, i) => alike.set(text, [...(alike.get(text) || []), i]));
  for (const group of alike.values()) {
    if (group.length < 2) continue;
    const shared = commonStart(group.map((i) => names[i]));
    for (const i of group) {
      const rest = [...names[i].slice(shared)];
      out[i] = `…${rest.length < most ? rest.join("") : `${rest.slice(0, most - 2).join("")}…`}`;
    }
  }
  return out;
}

/** Length of the common start of all names, up to the start of the word in which they differ. @param {string[]} names */
function commonStart(names) {
  let same = 0;
  while (same < names[0].length && names.every((name) => name[same] === names[0][same])) same++;
  const before = names[0].slice(0, same);
  return Math.max(...[" ", "/", "_", "-", "."].map((mark) => before.lastIndexOf(mark))) + 1;
}

/** Hours and minutes of a time, as in "saved 12:03". */
export function clock(date = new Date()) {
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}

/** Round values in [low, high] that divide an axis into about `target` steps. @param {number} low @param {number} high */
export function ticks(low, high, target = 4) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / target,
    power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? 10 * power;
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    out.push(Number((i * step).toPrecision(12)));
  return out;
}
