/** Curves of p(given) and p(suggested) over epochs, with names at the ends of the lines. */
import { hex } from "./color.js";
import { sharpContext } from "./dom.js";

const PAD = { left: 22, right: 8, top: 6, bottom: 15 };

/** Move two label positions apart so that they do not overlap. */
export function apart(a, b, gap) {
  if (Math.abs(a - b) >= gap) return [a, b];
  const middle = (a + b) / 2,
    sign = a <= b ? 1 : -1;
  return [middle - (sign * gap) / 2, middle + (sign * gap) / 2];
}

/** Positions moved as little as possible, in their order, so that neighbours are at least `gap` apart (isotonic regression). */
export function spread(places, gap) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b] || a - b),
    blocks = [];
  order.forEach((i, rank) => {
    let block = { sum: places[i] - rank * gap, count: 1 };
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].count > block.sum / block.count) {
      const last = blocks.pop();
      block = { sum: last.sum + block.sum, count: last.count + block.count };
    }
    blocks.push(block);
  });
  const flat = blocks.flatMap(({ sum, count }) => Array(count).fill(sum / count)),
    out = [...places];
  order.forEach((i, rank) => (out[i] = flat[rank] + rank * gap));
  return out;
}

/** Last finite value of a list, or null. */
export const lastFinite = (values) => [...values].reverse().find((v) => v !== null && Number.isFinite(v)) ?? null;

/** Epochs without a value between (or after) epochs with one. */
const missing = (values, epochs) => epochs.filter((_, i) => values[i] === null || !Number.isFinite(values[i]));

/** Epochs as text. */
const listed = (some, epochs) => (some.length > 4 ? `${some.length} of ${epochs.length} epochs` : `epoch${some.length > 1 ? "s" : ""} ${some.join(", ")}`);

/** Why the curve of a tag has gaps; "" if it has none. */
export function tagGapsInWords({ epochs, given }, name) {
  const lost = missing(given, epochs);
  return lost.length ? `no value for ${name} in ${listed(lost, epochs)}: with very many tags, only the given and the most likely ones are recorded` : "";
}

/** Why a curve has gaps; "" if it has none. Besides the given class, recordings keep only the five most likely classes.
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
 * @param {{epochs: number[], given: number[], suggested: number[]|null}} curve
 * @param {{given?: string, suggested?: string, colors?: number[][], theme: any, nothing?: string}} look
 *        `nothing`: text to show instead of the curve
 */
export function drawCurve(canvas, curve, { given, suggested, colors, theme, nothing }) {
  if (!curve) {
    drawLines(canvas, [], [], { theme, nothing });
    return;
  }
  const lines = [
    { values: curve.given, color: colors[0], dash: [], name: given },
    ...(curve.suggested ? [{ values: curve.suggested, color: colors[1], dash: [4, 3], name: suggested }] : []),
  ];
  drawLines(canvas, curve.epochs, lines, { theme, nothing });
}

/**
 * Lines between 0 and 1 over epochs, each with its name at its end.
 * @param {HTMLCanvasElement} canvas @param {number[]} epochs
 * @param {{ values: (number | null)[], color: any, dash: number[], name: string }[]} lines
 * @param {{ theme: any, nothing?: string }} look `nothing`: text shown instead of lines
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
  const x = (e) => PAD.left + ((e - e0) / (e1 - e0)) * (right - PAD.left),
    y = (p) => bottom - p * (bottom - PAD.top);
  grid(c, { x, y, e0, e1, right, bottom, theme });
  for (const { values, color, dash } of lines) stroke(c, epochs, values, x, y, color, dash);
  names(c, lines, y, right, theme);
}

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

function stroke(c, epochs, values, x, y, color, dash) {
  c.strokeStyle = hex(color);
  c.lineWidth = 1.8;
  c.setLineDash(dash);
  c.beginPath();
  const known = values.map((v) => v !== null && Number.isFinite(v)),
    alone = [];
  epochs.forEach((e, i) => {
    if (!known[i]) return;
    if (known[i - 1]) c.lineTo(x(e), y(values[i]));
    else c.moveTo(x(e), y(values[i]));
    if (!known[i - 1] && !known[i + 1]) alone.push(i);
  });
  c.stroke();
  c.setLineDash([]);
  c.fillStyle = hex(color);
  for (const i of alone) {
    c.beginPath();
    c.arc(x(epochs[i]), y(values[i]), 2, 0, 7);
    c.fill();
  }
}

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
