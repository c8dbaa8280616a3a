/** Bytes and masks: the format of arrays and selections sent between Python and the page. */

/** @typedef {Int32Array | Uint32Array | number[]} Rows row numbers */
/** @typedef {{ buffer: ArrayBuffer, byteOffset?: number, byteLength: number }} Bytes such as a DataView */

/**
 * Copy a message buffer to a typed array (a copy, because message buffers may not be aligned).
 * @template T
 * @param {new (buffer: ArrayBuffer) => T} Type @param {Bytes} view
 * @returns {T}
 */
export function arrayOf(Type, view) {
  const { buffer, byteOffset = 0, byteLength } = view;
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** One bit per row, little-endian within each byte: numpy's `packbits(bitorder="little")`. @param {Uint8Array} mask */
export function packMask(mask) {
  const out = new Uint8Array((mask.length + 7) >> 3);
  for (let i = 0; i < mask.length; i++) if (mask[i]) out[i >> 3] |= 1 << (i & 7);
  return out;
}

/** The inverse of `packMask`: one byte per row, 0 or 1. @param {Uint8Array} bytes @param {number} n */
export function unpackMask(bytes, n) {
  const out = new Uint8Array(n);
  for (let i = 0; i < n; i++) out[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return out;
}

/** Count the set entries of a 0/1 mask. @param {Uint8Array} mask */
export function countMask(mask) {
  let total = 0;
  for (let i = 0; i < mask.length; i++) total += mask[i];
  return total;
}

/**
 * Row numbers of the set entries of a mask, in the order of `order` (all rows in any order).
 * @param {Uint8Array} mask @param {Int32Array} order
 */
export function rowsOf(mask, order) {
  const out = new Int32Array(countMask(mask));
  let at = 0;
  for (let i = 0; i < order.length; i++) if (mask[order[i]]) out[at++] = order[i];
  return out;
}

/** Smallest and largest finite value, or [0, 1] if there is none. @param {ArrayLike<number>} values */
export function extent(values) {
  let low = Infinity,
    high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v < low) low = v;
    if (v > high && v !== Infinity) high = v;
  }
  return low <= high && Number.isFinite(low) ? [low, high] : [0, 1];
}
