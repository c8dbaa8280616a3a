/** The layer above the points of a map: axes, names of regions, marks, and the outline being drawn. */
import { hex } from "../base/color.js";
import { short, ticks } from "../base/format.js";
import { corners, toData, toScreen } from "../base/geometry.js";
/** @import { Theme } from "../base/color.js" */
/** @import { Camera, Point, Size } from "../base/geometry.js" */
/** @import { Store } from "../state/store.js" */
/** @import { Trail } from "./trails.js" */

const MARGIN = 0.93;

/** A CSS colour for a canvas. @param {number[]} rgb */
export const ink = (rgb, alpha = 1) => (alpha === 1 ? hex(rgb) : `rgba(${rgb.map(Math.round).join(",")},${alpha})`);

/**
 * Known positions of one example at each epoch up to `upto`: [[x, y], ...] in the space of the map.
 * @param {{steps: Array<{epoch: number, xy: Float32Array}>}} trails @param {number} i index of its row
 */
export function trailOf({ steps }, i, upto = Infinity) {
  return steps
    .filter(({ epoch }) => epoch <= upto)
    .map(({ xy }) => [xy[2 * i], xy[2 * i + 1]])
    .filter(([x, y]) => Math.abs(x) < 100 && Math.abs(y) < 100);
}

/**
 * Draw trails as lines that darken towards the current epoch. `color(row)` returns the colour of an example.
 * @param {CanvasRenderingContext2D} c @param {{ trails: Trail, epoch: number|undefined, size: Size, camera: Camera, store: Store }} options @param {(row: number) => number[]} color @param {Theme} colors
 */
export function drawTrails(c, { trails, epoch, size, camera, store }, color, colors) {
  c.lineCap = "round";
  trails.rows.forEach((row, i) => {
    if (!store.filter.passing[row] || store.hides(row)) return;
    const path = trailOf(trails, i, epoch).map((place) => toScreen(place, size, camera));
    for (let j = 1; j < path.length; j++) {
      const share = j / (path.length - 1);
      const [x0, y0] = path[j - 1],
        [x1, y1] = path[j];
      for (const { width, stroke } of [
        { width: 3.5, stroke: ink(colors.background, 0.7) },
        { width: 1.6, stroke: ink(color(row), 0.35 + 0.65 * share) },
      ]) {
        c.strokeStyle = stroke;
        c.lineWidth = width;
        line(c, x0, y0, x1, y1);
      }
    }
    if (path.length) ring(c, path[path.length - 1], 3.5, ink(color(row)), 2);
  });
}

/**
 * Draw a ring around a position.
 * @param {CanvasRenderingContext2D} c @param {number[]} place @param {number} radius @param {string} stroke @param {number} line
 */
export function ring(c, [x, y], radius, stroke, line) {
  c.strokeStyle = stroke;
  c.lineWidth = line;
  c.beginPath();
  c.arc(x, y, radius, 0, 7);
  c.stroke();
}

/**
 * Draw ticks and names of both axes.
 * @param {CanvasRenderingContext2D} c @param {{x: string, y: string, ranges: number[][], size: {width: number, height: number}, camera: any}} map
 * @param {Theme} colors
 */
export function drawAxes(c, { x, y, ranges: [xr, yr], size, camera }, colors) {
  const { width, height } = size;
  /** @type {(v: number, range: number[]) => number} */
  const invert = (v, [lo, hi]) => (hi > lo ? ((v / MARGIN + 1) / 2) * (hi - lo) + lo : lo);
  /** @type {(v: number, range: number[]) => number} */
  const forward = (v, [lo, hi]) => (hi > lo ? (((v - lo) / (hi - lo)) * 2 - 1) * MARGIN : 0);
  const [left, bottom] = toData([0, height], size, camera),
    [right, top] = toData([width, 0], size, camera);
  const room = width - c.measureText(`${x} →`).width - 18;
  /** @param {number} v */
  const along = (v) => toScreen([forward(v, xr), 0], size, camera)[0];
  const spread = readable((target) => ticks(invert(left, xr), invert(right, xr), target), width / 90, (v) => along(v) > 12 && along(v) < room);
  c.fillStyle = ink(colors.quiet);
  c.strokeStyle = ink(colors.line);
  c.lineWidth = 1;
  c.textAlign = "center";
  c.textBaseline = "bottom";
  for (const tick of spread) {
    const px = along(tick);
    line(c, px, height, px, height - 4);
    if (px > 12 && px < room) c.fillText(short(tick), px, height - 4);
  }
  c.textAlign = "left";
  c.textBaseline = "middle";
  for (const tick of ticks(invert(bottom, yr), invert(top, yr), Math.max(2, height / 60))) {
    const [, py] = toScreen([0, forward(tick, yr)], size, camera);
    if (py < 28) continue; // the name of the axis is there
    line(c, 0, py, 4, py);
    if (py < height - 18) c.fillText(short(tick), 6, py);
  }
  plate(c, `${x} →`, width - 6 - c.measureText(`${x} →`).width, height - 10, colors);
  plate(c, `↑ ${y}`, 6, 10, colors);
}

/**
 * Ticks such that at least two numbers fit, since a single one does not show the scale.
 * @param {(target: number) => number[]} make @param {number} target @param {(tick: number) => boolean} fits
 */
export function readable(make, target, fits) {
  for (const finer of [1, 1.6, 2.5, 4]) {
    const found = make(Math.max(2, target * finer));
    if (found.filter(fits).length > 1) return found;
  }
  return make(Math.max(2, target));
}

/** @param {CanvasRenderingContext2D} c @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function line(c, x0, y0, x1, y1) {
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
}

/**
 * Name the three regions of a data map (Swayamdipta et al. 2020), each where the name hides the fewest points.
 * @param {CanvasRenderingContext2D} c @param {Size} size @param {Theme} colors
 * @param {(box: number[]) => number} crowd points in a box of pixels
 */
export function drawRegions(c, { width, height }, colors, crowd) {
  if (width < 240) return;
  /** @param {number} from @param {number} to */
  const steps = (from, to) => [0, 0.25, 0.5, 0.75, 1].map((t) => from + t * (to - from));
  /** @type {[string, any[][]][]} */
  const places = [
    ["easy to learn", steps(34, width * 0.35).flatMap((x) => [26, 12].map((y) => [x, y]))],
    ["hard to learn", steps(34, width * 0.5).flatMap((x) => [height - 28, height - 42].map((y) => [x, y]))],
    ["ambiguous", steps(height * 0.25, height * 0.75).map((y) => [width - 10, y, true])],
  ];
  c.textBaseline = "middle";
  for (const [text, all] of places) {
    const wide = c.measureText(text).width + 6;
    const boxes = all.map(([x, y, right]) => [right ? x - wide + 3 : x - 3, y - 7, right ? x + 3 : x - 3 + wide, y + 7]);
    const clear = boxes.map((box) => (box[0] < 80 && box[1] < 18 ? Infinity : crowd(box))); // the name of the axis is there
    const [x0, y0] = boxes[clear.indexOf(Math.min(...clear))];
    plate(c, text, x0 + 3, y0 + 7, colors);
  }
}

/**
 * Draw text on a background plate, so that it is readable over points.
 * @param {CanvasRenderingContext2D} c @param {string} text @param {number} x @param {number} y @param {Theme} colors
 */
function plate(c, text, x, y, colors) {
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.fillStyle = ink(colors.background, 0.82);
  c.fillRect(x - 3, y - 7, c.measureText(text).width + 6, 14);
  c.fillStyle = ink(colors.quiet);
  c.fillText(text, x, y);
}

/**
 * Draw rings around neighbours; with `rays`, also lines to them from their example.
 * @param {CanvasRenderingContext2D} c @param {number[]} from @param {number[][]} places @param {boolean} rays @param {Theme} colors
 */
export function drawNeighbors(c, from, places, rays, colors) {
  if (rays)
    for (const place of places) {
      c.strokeStyle = ink(colors.text, 0.35);
      c.lineWidth = 1;
      line(c, from[0], from[1], place[0], place[1]);
    }
  for (const place of places) ring(c, place, 5, ink(colors.text, 0.6), 1);
}

/**
 * Draw the current lasso or box; dashed if it removes points.
 * @param {CanvasRenderingContext2D} c @param {{ kind: string, points: number[][], mode: string }} options @param {Theme} colors
 */
export function drawOutline(c, { kind, points, mode }, colors) {
  c.beginPath();
  (kind === "box" ? corners(points[0], points[points.length - 1]) : points).forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
  c.fillStyle = ink(colors.accent, 0.1);
  c.strokeStyle = ink(colors.accent);
  c.lineWidth = 1.4;
  c.setLineDash(mode === "remove" ? [4, 3] : []);
  c.fill();
  c.stroke();
  c.setLineDash([]);
}
