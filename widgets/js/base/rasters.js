/** Rasters of class codes, row by row, as pure functions: runs, regions, strokes, and what changed. */
import { pixelsOf, regionOf } from "./runlengths.js";
/** @import { Region } from "./runlengths.js" */

/** @typedef {{ codes: Int16Array, width: number, height: number }} Raster -1 = ignore */
/** @typedef {[number, number, number, number]} Dirty the part of a raster that changed: x0, y0, x1, y1, half-open */

/** A raster from runs. @param {{ lengths: number[], codes: number[] }} runs @param {number} width @param {number} height @returns {Raster} */
export function rasterOf({ lengths, codes }, width, height) {
  const out = new Int16Array(width * height);
  let at = 0;
  lengths.forEach((length, i) => {
    out.fill(codes[i], at, at + length);
    at += length;
  });
  return { codes: out, width, height };
}

/** Give the pixels of a region a code, in a raster of every `step`-th pixel. @param {Raster} raster @param {Region} region @param {number} code @param {number} [step] */
export function paintRegion(raster, region, code, step = 1) {
  const pixels = pixelsOf(region);
  for (let y = Math.ceil(region.y0 / step) * step; y < region.y0 + region.height; y += step)
    for (let x = Math.ceil(region.x0 / step) * step; x < region.x0 + region.width; x += step)
      if (pixels[(y - region.y0) * region.width + x - region.x0]) raster.codes[(y / step) * raster.width + x / step] = code;
}

/** @param {Raster} raster @param {number[]} box @returns {Dirty} whole pixels of a box inside the raster */
function inside({ width, height }, [x0, y0, x1, y1]) {
  return [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0)), Math.min(width, Math.ceil(x1)), Math.min(height, Math.ceil(y1))];
}

/**
 * Draw a line with a round brush: pixels whose centre is at most `radius` away get the code.
 * @param {Raster} raster @param {number[]} from @param {number[]} to @param {number} radius @param {number} code @returns {Dirty}
 */
export function brushed(raster, from, to, radius, code) {
  const [ax, ay] = from,
    [dx, dy] = [to[0] - ax, to[1] - ay],
    length = dx * dx + dy * dy;
  const part = inside(raster, [Math.min(ax, to[0]) - radius, Math.min(ay, to[1]) - radius, Math.max(ax, to[0]) + radius, Math.max(ay, to[1]) + radius]);
  for (let y = part[1]; y < part[3]; y++)
    for (let x = part[0]; x < part[2]; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay],
        t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
      if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= radius * radius) raster.codes[y * raster.width + x] = code;
    }
  return part;
}

/**
 * Fill a polygon: pixels whose centre is inside (even-odd rule) get the code.
 * @param {Raster} raster @param {number[][]} outline @param {number} code @returns {Dirty}
 */
export function filled(raster, outline, code) {
  const xs = outline.map(([x]) => x),
    ys = outline.map(([, y]) => y),
    part = inside(raster, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
  for (let y = part[1]; y < part[3]; y++) {
    const middle = y + 0.5,
      /** @type {number[]} */
      crossings = [];
    outline.forEach(([x0, y0], i) => {
      const [x1, y1] = outline[(i + 1) % outline.length];
      if (y0 <= middle !== y1 <= middle) crossings.push(x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2)
      for (let x = Math.max(part[0], Math.ceil(crossings[i] - 0.5)); x < Math.min(part[2], Math.ceil(crossings[i + 1] - 0.5)); x++) raster.codes[y * raster.width + x] = code;
  }
  return part;
}

/**
 * What changed in a part of two rasters, as one region for each new code.
 * @param {Raster} before @param {Raster} after @param {Dirty} part @returns {[number, Region][]}
 */
export function changedRegions(before, after, [x0, y0, x1, y1]) {
  const wide = x1 - x0,
    /** @type {Map<number, Uint8Array>} */
    changed = new Map();
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const at = y * after.width + x,
        code = after.codes[at];
      if (code === before.codes[at]) continue;
      if (!changed.has(code)) changed.set(code, new Uint8Array(wide * (y1 - y0)));
      /** @type {Uint8Array} */ (changed.get(code))[(y - y0) * wide + x - x0] = 1;
    }
  return [...changed].map(([code, pixels]) => {
    const region = /** @type {Region} */ (regionOf(pixels, wide));
    return [code, { ...region, x0: region.x0 + x0, y0: region.y0 + y0 }];
  });
}

/** The part of a raster, to restore it later. @param {Raster} raster @param {Dirty} part */
export function cutOut({ codes, width }, [x0, y0, x1, y1]) {
  return Array.from({ length: Math.max(0, y1 - y0) }, (_, y) => codes.slice((y0 + y) * width + x0, (y0 + y) * width + x1));
}

/** Put rows back where they were cut. @param {Raster} raster @param {Dirty} part @param {Int16Array[]} rows */
export function putBack({ codes, width }, [x0, y0], rows) {
  rows.forEach((row, y) => codes.set(row, (y0 + y) * width + x0));
}

/** The smallest part around two. @param {Dirty | null} a @param {Dirty} b @returns {Dirty} */
export const joinedParts = (a, b) => (a ? [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])] : b);

/** The border of a region as line segments between pixels: x0, y0, x1, y1 of each. @param {Region} region */
export function borderOf(region) {
  const pixels = pixelsOf(region),
    { width, height, x0, y0 } = region,
    /** @type {number[][]} */
    lines = [];
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : pixels[y * width + x]);
  for (let y = 0; y <= height; y++) {
    let from = -1;
    for (let x = 0; x <= width; x++) {
      const differs = x < width && at(x, y) !== at(x, y - 1);
      if (differs && from < 0) from = x;
      if (!differs && from >= 0) {
        lines.push([x0 + from, y0 + y, x0 + x, y0 + y]);
        from = -1;
      }
    }
  }
  for (let x = 0; x <= width; x++) {
    let from = -1;
    for (let y = 0; y <= height; y++) {
      const differs = y < height && at(x, y) !== at(x - 1, y);
      if (differs && from < 0) from = y;
      if (!differs && from >= 0) {
        lines.push([x0 + x, y0 + from, x0 + x, y0 + y]);
        from = -1;
      }
    }
  }
  return lines;
}
