/**
 * Boxes of a picture as pure functions. A box is [x0, y0, x1, y1] in half-open float pixels, a point [x, y, x, y]; sizes
 * are [width, height], null if unknown.
 */

/** @typedef {[number, number, number, number]} Box */

/** Shortest side of a box that is drawn or resized, in pixels of the picture. */
export const LEAST_SIDE = 1;

/** The handles of a box, clockwise from the upper left corner: [share of the width, share of the height]. */
export const HANDLES = [
  [0, 0],
  [0.5, 0],
  [1, 0],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
  [0, 1],
  [0, 0.5],
];

/** Hundredths of a pixel are more than a mouse can place. @param {number} value */
const rounded = (value) => Math.round(value * 100) / 100;

/** @param {number} value @param {number} most */
const within0 = (value, most) => Math.max(0, Math.min(most, value));

/** The part of a box inside the picture, with ascending sides. @param {number[]} box @param {number[] | null} size @returns {Box} */
export function clamped([x0, y0, x1, y1], size) {
  const [w, h] = size ?? [Infinity, Infinity];
  /** @param {number} a @param {number} b @param {number} most */
  const along = (a, b, most) => [a, b].sort((p, q) => p - q).map((one) => rounded(size ? within0(one, most) : one));
  const [[left, right], [top, bottom]] = [along(x0, x1, w), along(y0, y1, h)];
  return [left, top, right, bottom];
}

/** Move a box by (dx, dy); it stops at the border of the picture. @param {Box} box @param {number} dx @param {number} dy @param {number[] | null} size @returns {Box} */
export function moved([x0, y0, x1, y1], dx, dy, size) {
  /** @param {number} low @param {number} high @param {number} by @param {number} most */
  const along = (low, high, by, most) => Math.max(Math.min(0, -low), Math.min(Math.max(0, most - high), by));
  const x = size ? along(x0, x1, dx, size[0]) : dx,
    y = size ? along(y0, y1, dy, size[1]) : dy;
  return /** @type {Box} */ ([x0 + x, y0 + y, x1 + x, y1 + y].map(rounded));
}

/**
 * Move a handle of a box to (x, y): sides may pass each other, but stay `LEAST_SIDE` apart.
 * @param {Box} box @param {number} handle index into `HANDLES` @param {number} x @param {number} y @param {number[] | null} size
 */
export function pulled(box, handle, x, y, size) {
  const [fx, fy] = HANDLES[handle],
    next = [...box];
  if (fx !== 0.5) next[2 * fx] = x;
  if (fy !== 0.5) next[1 + 2 * fy] = y;
  const out = clamped(next, size);
  for (const axis of [0, 1]) if (out[axis + 2] - out[axis] < LEAST_SIDE) return box;
  return out;
}

/** The position of a handle. @param {Box} box @param {number} handle */
export const handleAt = ([x0, y0, x1, y1], handle) => [x0 + (x1 - x0) * HANDLES[handle][0], y0 + (y1 - y0) * HANDLES[handle][1]];

/** The nearest handle at most `reach` pixels away, -1 for none. @param {Box} box @param {number[]} point @param {number} reach */
export function handleUnder(box, [x, y], reach) {
  let best = -1,
    least = reach;
  HANDLES.forEach((_, handle) => {
    const [hx, hy] = handleAt(box, handle),
      far = Math.max(Math.abs(hx - x), Math.abs(hy - y));
    if (far < least) [best, least] = [handle, far];
  });
  return best;
}

/** @param {Box} box */
export const areaOf = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);

/**
 * The boxes under a point, smallest first, as their indices; points and thin boxes are hit from `reach` pixels away.
 * @param {Box[]} boxes @param {number[]} point @param {number} reach
 */
export function boxesUnder(boxes, [x, y], reach) {
  return boxes
    .map((box, i) => /** @type {[Box, number]} */ ([box, i]))
    .filter(([[x0, y0, x1, y1]]) => {
      const px = x1 - x0 < reach ? reach : 0,
        py = y1 - y0 < reach ? reach : 0;
      return x >= x0 - px && x <= x1 + px && y >= y0 - py && y <= y1 + py;
    })
    .sort(([a], [b]) => areaOf(a) - areaOf(b))
    .map(([, i]) => i);
}
