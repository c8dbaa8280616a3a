/**
 * Regions of a picture as run lengths in the compressed form of COCO: the counts of a box read column by column,
 * background first, as printable characters. Equal to `workbench.tasks.run_lengths` in Python.
 */

/** @typedef {{ y0: number, x0: number, height: number, width: number, counts: string }} Region runs inside a box of the picture */

/** Counts of a compressed text. @param {string} text */
export function countsOf(text) {
  /** @type {number[]} */
  const counts = [];
  for (let i = 0; i < text.length; ) {
    let value = 0,
      shift = 0,
      group = 0;
    do {
      group = text.charCodeAt(i++) - 48;
      value += (group & 31) * 2 ** shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) value -= 2 ** shift;
    counts.push(value + (counts.length > 2 ? counts[counts.length - 2] : 0));
  }
  return counts;
}

/** Compress counts. @param {number[]} counts */
export function textOf(counts) {
  let text = "";
  counts.forEach((count, i) => {
    let value = count - (i > 2 ? counts[i - 2] : 0),
      more = true;
    while (more) {
      const group = value & 31;
      value >>= 5;
      more = group & 16 ? value !== -1 : value !== 0;
      text += String.fromCharCode((more ? group | 32 : group) + 48);
    }
  });
  return text;
}

/** The pixels of a region, row by row: 1 inside. @param {Region} region */
export function pixelsOf({ height, width, counts }) {
  const pixels = new Uint8Array(height * width);
  let at = 0;
  countsOf(counts).forEach((count, i) => {
    if (i % 2) for (let place = at; place < at + count; place++) pixels[(place % height) * width + Math.floor(place / height)] = 1;
    at += count;
  });
  return pixels;
}

/**
 * The region of the pixels that are set in a raster, in the smallest box around them; null if none is.
 * @param {Uint8Array} raster row by row @param {number} wide its width
 * @returns {Region | null}
 */
export function regionOf(raster, wide) {
  const high = raster.length / wide;
  let [x0, y0, x1, y1] = [wide, high, -1, -1];
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++)
      if (raster[y * wide + x]) {
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        y1 = y;
      }
  if (x1 < 0) return null;
  const counts = [0];
  let value = 0;
  for (let x = x0; x <= x1; x++)
    for (let y = y0; y <= y1; y++) {
      const now = raster[y * wide + x] ? 1 : 0;
      if (now !== value) counts.push(0);
      value = now;
      counts[counts.length - 1]++;
    }
  return { y0, x0, height: y1 - y0 + 1, width: x1 - x0 + 1, counts: textOf(counts) };
}
