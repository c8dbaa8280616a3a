/** What lies over the points of a map: axes, names of regions, marks, the outline being drawn. */
import { hex } from "./color.js";
import { short, ticks } from "./format.js";
import { toData, toScreen } from "./geometry.js";

const MARGIN = 0.93;

/** A colour for a canvas. */
export const ink = (rgb, alpha = 1) => (alpha === 1 ? hex(rgb) : `rgba(${rgb.map(Math.round).join(",")},${alpha})`);

/** The four corners of the box between the first and the last point. */
export function corners(points) {
  const [ax, ay] = points[0],
    [bx, by] = points[points.length - 1];
  return [
    [ax, ay],
    [bx, ay],
    [bx, by],
    [ax, by],
  ];
}

/**
 * Where one example was at each epoch up to one: [[x, y], ...] in the map's space, places that are unknown left out.
 * @param {{steps: Array<{epoch: number, xy: Float32Array}>}} trails @param {number} i which of its rows
 */
export function trailOf({ steps }, i, upto = Infinity) {
  return steps
    .filter(({ epoch }) => epoch <= upto)
    .map(({ xy }) => [xy[2 * i], xy[2 * i + 1]])
    .filter(([x, y]) => Math.abs(x) < 100 && Math.abs(y) < 100);
}

/** Trails as lines that grow darker towards the epoch on show. `color(row)` gives that of an example. */
export function drawTrails(c, { trails, epoch, size, camera, store }, color, colors) {
  c.lineCap = "round";
  trails.rows.forEach((row, i) => {
    if (!store.filter.passing[row]) return;
    const path = trailOf(trails, i, epoch).map((place) => toScreen(place, size, camera));
    for (let j = 1; j < path.length; j++) {
      const share = j / (path.length - 1);
      for (const [width, stroke] of [
        [3.5, ink(colors.background, 0.7)],
        [1.6, ink(color(row), 0.35 + 0.65 * share)],
      ]) {
        c.strokeStyle = stroke;
        c.lineWidth = width;
        line(c, ...path[j - 1], ...path[j]);
      }
    }
    if (path.length) ring(c, path[path.length - 1], 3.5, ink(color(row)), 2);
  });
}

/** A ring around a place. */
export function ring(c, [x, y], radius, stroke, line) {
  c.strokeStyle = stroke;
  c.lineWidth = line;
  c.beginPath();
  c.arc(x, y, radius, 0, 7);
  c.stroke();
}

/**
 * Ticks and names of both axes.
 * @param {CanvasRenderingContext2D} c @param {{x: string, y: string, ranges: number[][], size: object, camera: object}} map
 */
export function drawAxes(c, { x, y, ranges: [xr, yr], size, camera }, colors) {
  const { width, height } = size;
  const invert = (v, [lo, hi]) => (hi > lo ? ((v / MARGIN + 1) / 2) * (hi - lo) + lo : lo);
  const forward = (v, [lo, hi]) => (hi > lo ? (((v - lo) / (hi - lo)) * 2 - 1) * MARGIN : 0);
  const [left, bottom] = toData([0, height], size, camera),
    [right, top] = toData([width, 0], size, camera);
  const room = width - c.measureText(`${x} →`).width - 18;
  c.fillStyle = ink(colors.quiet);
  c.strokeStyle = ink(colors.line);
  c.lineWidth = 1;
  c.textAlign = "center";
  c.textBaseline = "bottom";
  for (const tick of ticks(invert(left, xr), invert(right, xr), Math.max(2, width / 90))) {
    const [px] = toScreen([forward(tick, xr), 0], size, camera);
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
  c.textAlign = "right";
  c.textBaseline = "bottom";
  c.fillText(`${x} →`, width - 6, height - 4);
  c.textAlign = "left";
  c.textBaseline = "top";
  c.fillText(`↑ ${y}`, 6, 5);
}

function line(c, x0, y0, x1, y1) {
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
}

/** The three parts of a data map, named where they lie (Swayamdipta et al. 2020). */
export function drawRegions(c, { width, height }, colors) {
  if (width < 240) return;
  const word = (text, x, y) => {
    c.strokeText(text, x, y);
    c.fillText(text, x, y);
  };
  c.fillStyle = ink(colors.quiet);
  c.strokeStyle = ink(colors.background, 0.8);
  c.lineWidth = 3;
  c.lineJoin = "round";
  c.textBaseline = "middle";
  c.textAlign = "left";
  word("easy to learn", 34, 26);
  word("hard to learn", width * 0.3, height - 28);
  c.textAlign = "right";
  word("ambiguous", width - 10, height * 0.5);
}

/** Rings around neighbours; with `rays` also lines to them from the place they are neighbours of. */
export function drawNeighbors(c, from, places, rays, colors) {
  if (rays)
    for (const place of places) {
      c.strokeStyle = ink(colors.text, 0.35);
      c.lineWidth = 1;
      line(c, ...from, ...place);
    }
  for (const place of places) ring(c, place, 5, ink(colors.text, 0.6), 1);
}

/** The lasso or box being drawn; dashed when it will take points away. */
export function drawOutline(c, { kind, points, mode }, colors) {
  c.beginPath();
  (kind === "box" ? corners(points) : points).forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
  c.fillStyle = ink(colors.accent, 0.1);
  c.strokeStyle = ink(colors.accent);
  c.lineWidth = 1.4;
  c.setLineDash(mode === "remove" ? [4, 3] : []);
  c.fill();
  c.stroke();
  c.setLineDash([]);
}
