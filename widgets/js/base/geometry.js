/** Points and outlines: pure functions on flat [x0, y0, x1, y1, ...] arrays in clip space (-1..1). */

/** @typedef {{ k: number, tx: number, ty: number }} Camera how a map is zoomed and moved, in clip space */
/** @typedef {{ width: number, height: number }} Size in pixels */
/** @typedef {[x: number, y: number]} Point */
/** @typedef {Pick<MouseEvent, "shiftKey" | "altKey" | "ctrlKey" | "metaKey">} Modifiers */

/** Position of points without a value: far outside any view. */
const NOWHERE = 1e4;
/** Number of horizontal strips into which an outline is divided. */
const STRIPS = 256;

/**
 * Scale values to [-pad, pad]; rows with NaN are placed off the map, a constant column is centred.
 * @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {number[]} xr @param {number[]} yr @param {number} [pad]
 */
export function normalized(xs, ys, [x0, x1], [y0, y1], pad = 0.93) {
  const out = new Float32Array(2 * xs.length);
  const sx = x1 > x0 ? (2 * pad) / (x1 - x0) : 0,
    sy = y1 > y0 ? (2 * pad) / (y1 - y0) : 0;
  const ox = sx ? pad : 0,
    oy = sy ? pad : 0;
  for (let i = 0; i < xs.length; i++) {
    const x = (xs[i] - x0) * sx - ox,
      y = (ys[i] - y0) * sy - oy;
    out[2 * i] = x === x && y === y ? x : NOWHERE;
    out[2 * i + 1] = y === y ? y : NOWHERE;
  }
  return out;
}

/**
 * The x and y values of points in one array: [xs, ys].
 * @param {ArrayLike<number>} xy
 */
export function axesOf(xy) {
  const n = xy.length >> 1,
    xs = new Float32Array(n),
    ys = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    xs[i] = xy[2 * i];
    ys[i] = xy[2 * i + 1];
  }
  return [xs, ys];
}

/**
 * Convert a screen pixel to data space under a camera.
 * @param {number[]} pixel @param {{width: number, height: number}} size @param {{k: number, tx: number, ty: number}} camera
 */
export function toData([px, py], { width, height }, { k, tx, ty }) {
  return [((px / width) * 2 - 1 - tx) / k, (1 - (py / height) * 2 - ty) / k];
}

/**
 * Convert data space to a screen pixel: the inverse of `toData`.
 * @param {number[]} place @param {{width: number, height: number}} size @param {{k: number, tx: number, ty: number}} camera
 */
export function toScreen([x, y], { width, height }, { k, tx, ty }) {
  return [((x * k + tx + 1) / 2) * width, ((1 - (y * k + ty)) / 2) * height];
}

/**
 * The camera after zooming by `factor` around a pixel.
 * @param {{k: number, tx: number, ty: number}} camera @param {number} factor @param {number[]} pixel @param {{width: number, height: number}} size
 */
export function zoomed(camera, factor, [px, py], { width, height }) {
  const k = Math.max(0.5, Math.min(200, camera.k * factor)),
    f = k / camera.k;
  const x = (px / width) * 2 - 1,
    y = 1 - (py / height) * 2;
  return { k, tx: x - (x - camera.tx) * f, ty: y - (y - camera.ty) * f };
}

/** A camera as [zoom, x, y], where (x, y) is the centre of the view; null shows the whole map. @param {Camera} camera */
export function centreOf({ k, tx, ty }) {
  return k === 1 && tx === 0 && ty === 0 ? null : [k, 0 - tx / k, 0 - ty / k];
}

/** The inverse of `centreOf`. @param {number[]|null|undefined} centre */
export function cameraAt(centre) {
  const [k, x, y] = centre || [1, 0, 0];
  return { k, tx: 0 - k * x, ty: 0 - k * y };
}

/**
 * Mask of the points inside a closed outline (even-odd rule), without rows where `allowed` is 0.
 * @param {Float32Array} xy @param {number[][]} outline @param {Uint8Array} [allowed]
 */
export function insidePolygon(xy, outline, allowed) {
  const n = xy.length >> 1,
    m = outline.length,
    mask = new Uint8Array(n);
  const ex = new Float64Array(m),
    ey = new Float64Array(m);
  let x0 = Infinity,
    x1 = -Infinity,
    y0 = Infinity,
    y1 = -Infinity;
  outline.forEach(([x, y], i) => {
    ex[i] = x;
    ey[i] = y;
    x0 = Math.min(x0, x);
    x1 = Math.max(x1, x);
    y0 = Math.min(y0, y);
    y1 = Math.max(y1, y);
  });
  /** @param {number} y */
  const strip = (y) => Math.floor(((y - y0) * STRIPS) / (y1 - y0 || 1)),
    edges = edgesByStrip(ey, strip);
  for (let i = 0; i < n; i++) {
    const x = xy[2 * i],
      y = xy[2 * i + 1];
    if (!(x >= x0 && x <= x1 && y >= y0 && y <= y1) || (allowed && !allowed[i])) continue;
    const near = edges[strip(y)];
    let inside = 0;
    for (let e = 0; e < near.length; e++) {
      const a = near[e],
        b = a ? a - 1 : m - 1;
      if (ey[a] > y !== ey[b] > y && x < ((ex[b] - ex[a]) * (y - ey[a])) / (ey[b] - ey[a]) + ex[a]) inside ^= 1;
    }
    mask[i] = inside;
  }
  return mask;
}

/**
 * Edges of an outline by horizontal strip, so that each point is compared with few of them; edge a ends at corner a.
 * @param {Float64Array} ey @param {(y: number) => number} strip
 */
function edgesByStrip(ey, strip) {
  const edges = Array.from({ length: STRIPS + 1 }, () => /** @type {number[]} */ ([]));
  for (let a = 0; a < ey.length; a++) {
    const [from, to] = [strip(ey[a]), strip(ey[a ? a - 1 : ey.length - 1])];
    for (let s = Math.min(from, to); s <= Math.max(from, to); s++) edges[s].push(a);
  }
  return edges;
}

/**
 * The four corners of the box between two opposite ones.
 * @param {number[]} a @param {number[]} b
 */
export function corners([ax, ay], [bx, by]) {
  return [
    [ax, ay],
    [bx, ay],
    [bx, by],
    [ax, by],
  ];
}

/**
 * Mask of the points in the box between two opposite corners.
 * @param {Float32Array} xy @param {number[]} a @param {number[]} b @param {Uint8Array} [allowed]
 */
export function insideBox(xy, a, b, allowed) {
  return insidePolygon(xy, corners(a, b), allowed);
}

/**
 * Row of the nearest point within radii (rx, ry) of [x, y], or -1. Ties go to the later row, which is drawn on top.
 * @param {Float32Array} xy @param {number[]} place @param {number} rx @param {number} ry @param {Uint8Array} [allowed]
 */
export function nearest(xy, [x, y], rx, ry, allowed) {
  let best = -1,
    least = 1;
  for (let i = 0; i < xy.length >> 1; i++) {
    const dx = (xy[2 * i] - x) / rx;
    if (!(dx <= 1 && dx >= -1)) continue;
    const dy = (xy[2 * i + 1] - y) / ry,
      d = dx * dx + dy * dy;
    if (d <= least && (!allowed || allowed[i])) {
      least = d;
      best = i;
    }
  }
  return best;
}

/**
 * Combine the old selection with newly outlined rows: replace, add or remove.
 * @param {Uint8Array} old @param {Uint8Array} fresh @param {string} mode
 */
export function combined(old, fresh, mode) {
  if (mode === "replace") return fresh;
  const out = new Uint8Array(fresh.length);
  for (let i = 0; i < out.length; i++) out[i] = mode === "add" ? old[i] | fresh[i] : old[i] & ~fresh[i];
  return out;
}

/** The selection mode under modifier keys: shift adds, alt or ctrl removes. @param {Modifiers} event @param {string} chosen */
export function modeFor(event, chosen) {
  if (event.shiftKey) return "add";
  return event.altKey || event.ctrlKey || event.metaKey ? "remove" : chosen;
}

/**
 * Diameter in CSS pixels and opacity of n points on an area: large and opaque if sparse, small and transparent if dense,
 * growing slowly with the zoom.
 * @param {number} n @param {number} area @param {number} k
 */
export function pointStyle(n, area, k) {
  const room = Math.sqrt((area * k * k) / Math.max(1, n));
  const size = Math.max(1.5, Math.min(8, 0.42 * room + 1.2));
  return { size, alpha: Math.max(0.35, Math.min(0.9, 0.3 + room / 12)) };
}

/**
 * Count the points [x0, y0, x1, y1, ...] in each cell of a grid over the map, top row first.
 * @param {Float32Array} xy @param {number} side
 */
export function cellsOf(xy, side) {
  const counts = new Uint32Array(side * side);
  for (let i = 0; i < xy.length; i += 2) {
    const a = Math.floor(((xy[i] + 1) / 2) * side),
      b = Math.floor(((1 - xy[i + 1]) / 2) * side);
    if (a >= 0 && a < side && b >= 0 && b < side) counts[b * side + a]++;
  }
  return counts;
}
