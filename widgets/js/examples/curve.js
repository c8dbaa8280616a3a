/** Curves of p(given) and p(suggested) over epochs, with names at the ends of the lines. */
import { hex } from "../base/color.js";
import { sharpContext } from "../base/dom.js";
/** @import { Theme } from "../base/color.js" */

/** @typedef {(value: number) => number} Scale from a value to pixels */
/** @typedef {{ values: (number | null)[], color: number[], dash: number[], name: string }} Line */

const PAD = { left: 22, right: 8, top: 6, bottom: 15 };

/** Move two label positions apart so that they do not overlap. @param {number} a @param {number} b @param {number} gap */
export function apart(a, b, gap) {
  if (Math.abs(a - b) >= gap) return [a, b];
  const middle = (a + b) / 2,
    sign = a <= b ? 1 : -1;
  return [middle - (sign * gap) / 2, middle + (sign * gap) / 2];
}

/**
 * Positions moved as little as possible, in their order, so that neighbours are at least `gap` apart (isotonic regression).
 * @param {number[]} places @param {number} gap
 */
export function spread(places, gap) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b] || a - b),
    blocks = /** @type {{ sum: number, count: number }[]} */ ([]);
  order.forEach((i, rank) => {
    let block = { sum: places[i] - rank * gap, count: 1 };
    for (let last = blocks.at(-1); last && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
      blocks.pop();
      block = { sum: last.sum + block.sum, count: last.count + block.count };
    }
    blocks.push(block);
  });
  const flat = blocks.flatMap(({ sum, count }) => Array(count).fill(sum / count)),
    out = [...places];
  order.forEach((i, rank) => (out[i] = flat[rank] + rank * gap));
  return out;
}

/** Last finite value of a list, or null. @param {(number|null)[]} values */
export const lastFinite = (values) => [...values].reverse().find((v) => v !== null && Number.isFinite(v)) ?? null;

/** Epochs without a value between (or after) epochs with one. @param {(number|null)[]} values @param {number[]} epochs */
const missing = (values, epochs) => epochs.filter((_, i) => values[i] === null || !Number.isFinite(values[i]));

/** Epochs as text. @param {number[]} some @param {number[]} epochs */
const listed = (some, epochs) => (some.length > 4 ? `${some.length} of ${epochs.length} epochs` : `epoch${some.length > 1 ? "s" : ""} ${some.join(", ")}`);

/**
 * Why the curve of a tag has gaps; "" if it has none.
 * @param {{ epochs: number[], given: (number | null)[] }} curve @param {string} name
 */
export function tagGapsInWords({ epochs, given }, name) {
  const lost = missing(given, epochs);
  return lost.length ? `no value for ${name} in ${listed(lost, epochs)}: with very many tags, only the given and the most likely ones are recorded` : "";
}

/**
 * Why a curve has gaps; "" if it has none. Besides the given class, recordings keep only the five most likely classes.
 * @param {import("../state/messages.js").Curve} curve @param {string} name
 */
export function gapsInWords({ epochs, given, suggested }, name) {
  if (epochs.length < 2) return "";
  const lost = missing(given, epochs),
    low = suggested ? missing(suggested, epochs).filter((epoch) => !lost.includes(epoch)) : [];
  return [
    low.length && `no line for ${name} in ${listed(low, epochs)}: it was not among the five most probable classes, and only those are recorded`,
    lost.length && `this example was not recorded in ${listed(lost, epochs)}`,
  ]
    .filter(Boolean)
    .join("; ");
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("../state/messages.js").Curve | null} curve
 * @param {{given?: string, suggested?: string, colors?: number[][], theme: Theme, nothing?: string}} look
 *        `nothing`: text to show instead of the curve
 */
export function drawCurve(canvas, curve, { given = "", suggested = "", colors, theme, nothing }) {
  if (!curve) {
    drawLines(canvas, [], [], { theme, nothing });
    return;
  }
  const lines = [
    { values: curve.given, color: colors?.[0] ?? theme.text, dash: [], name: given },
    ...(curve.suggested ? [{ values: curve.suggested, color: colors?.[1] ?? theme.text, dash: [4, 3], name: suggested }] : []),
  ];
  drawLines(canvas, curve.epochs, lines, { theme, nothing });
}

/**
 * Lines between 0 and 1 over epochs, each with its name at its end.
 * @param {HTMLCanvasElement} canvas @param {number[]} epochs
 * @param {Line[]} lines
 * @param {{ theme: Theme, nothing?: string }} look `nothing`: text shown instead of lines
 */
export function drawLines(canvas, epochs, lines, { theme, nothing }) {
  const width = canvas.clientWidth,
    height = canvas.clientHeight;
  if (!width) return;
  const c = sharpContext(canvas, width, height);
  c.font = "10px system-ui, sans-serif";
  if (epochs.length < 2) {
    c.fillStyle = hex(theme.quiet);
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(nothing ?? (epochs.length === 1 ? "no curve: only one epoch was recorded" : "no epochs recorded"), width / 2, height / 2);
    return;
  }
  const room = Math.min(110, Math.max(...lines.map(({ name }) => c.measureText(name).width)) + 8);
  const right = width - PAD.right - room,
    bottom = height - PAD.bottom,
    e0 = epochs[0],
    e1 = epochs[epochs.length - 1];
  /** @param {number} e */
  const x = (e) => PAD.left + ((e - e0) / (e1 - e0)) * (right - PAD.left),
    y = (/** @type {number} */ p) => bottom - p * (bottom - PAD.top);
  grid(c, { x, y, e0, e1, right, bottom, theme });
  for (const { values, color, dash } of lines) stroke(c, epochs, values, x, y, color, dash);
  names(c, lines, y, right, theme);
}

/**
 * @param {CanvasRenderingContext2D} c
 * @param {{ x: Scale, y: Scale, e0: number, e1: number, right: number, bottom: number, theme: Theme }} options
 */
function grid(c, { x, y, e0, e1, right, bottom, theme }) {
  c.strokeStyle = hex(theme.line);
  c.fillStyle = hex(theme.quiet);
  c.lineWidth = 1;
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const p of [0, 0.5, 1]) {
    c.beginPath();
    c.moveTo(PAD.left, y(p) + 0.5);
    c.lineTo(right, y(p) + 0.5);
    c.stroke();
    c.fillText(p === 0.5 ? ".5" : String(p), PAD.left - 4, y(p));
  }
  c.textBaseline = "top";
  c.textAlign = "left";
  c.fillText(`epoch ${e0}`, PAD.left, bottom + 4);
  c.textAlign = "right";
  c.fillText(String(e1), x(e1), bottom + 4);
}

/**
 * @param {CanvasRenderingContext2D} c
 * @param {number[]} epochs
 * @param {(number|null)[]} values
 * @param {Scale} x
 * @param {Scale} y
 * @param {number[]} color
 * @param {number[]} dash
 */
function stroke(c, epochs, values, x, y, color, dash) {
  c.strokeStyle = hex(color);
  c.lineWidth = 1.8;
  c.setLineDash(dash);
  c.beginPath();
  const known = (/** @type {number} */ i) => i in values && Number.isFinite(values[i]);
  /** @type {number[][]} */
  const alone = [];
  values.forEach((value, i) => {
    if (value === null || !known(i)) return;
    const place = [x(epochs[i]), y(value)];
    if (known(i - 1)) c.lineTo(place[0], place[1]);
    else c.moveTo(place[0], place[1]);
    if (!known(i - 1) && !known(i + 1)) alone.push(place);
  });
  c.stroke();
  c.setLineDash([]);
  c.fillStyle = hex(color);
  for (const place of alone) {
    c.beginPath();
    c.arc(place[0], place[1], 2, 0, 7);
    c.fill();
  }
}

/** @param {CanvasRenderingContext2D} c @param {Line[]} lines @param {Scale} y @param {number} right @param {Theme} theme */
function names(c, lines, y, right, theme) {
  const placed = spread(
    lines.map(({ values }) => y(lastFinite(values) ?? 0)),
    11,
  );
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.fillStyle = hex(theme.text);
  lines.forEach(({ values, name }, i) => {
    if (lastFinite(values) !== null) c.fillText(name, right + 5, placed[i]);
  });
}
