/** Decode arrays sent by Python in a compact form; `packing.py` encodes them and describes the format. */
import { arrayOf } from "./bits.js";
/** @import { ArraySpec } from "../state/messages.js" */

/** @typedef {Int32Array | Float32Array | Uint8Array | Uint16Array} Numbers */
/** @typedef {Record<string, Numbers>} Arrays */
/** @typedef {new (of: number | ArrayBuffer) => Numbers} NumbersType */

/** Typed arrays by their names in Python. */
/** @type {Record<string, NumbersType>} */
const TYPES = { i4: Int32Array, f4: Float32Array, u1: Uint8Array, u2: Uint16Array };

/** Arrays by name. @param {import("../state/messages.js").ArraySpec[]} specs @param {DataView<ArrayBuffer>[]} buffers */
export function unpackedArrays(specs, buffers) {
  /** @type {Arrays} */
  const out = {};
  for (const spec of specs) out[spec.name] = unpacked(spec, buffers, out);
  return out;
}

/** @param {ArraySpec} spec @param {DataView<ArrayBuffer>[]} buffers @param {Record<string, Numbers>} earlier */
function unpacked(spec, buffers, earlier) {
  const Type = TYPES[spec.type],
    { length, fill, buffer, less = 0 } = spec;
  if (fill !== undefined) return new Type(length).fill(fill === null ? NaN : fill);
  const out = new Type(length);
  if (spec.rows) {
    for (let i = 0; i < length; i++) out[i] = i;
    return out;
  }
  if (spec.like) return earlier[spec.like].slice(0, length);
  if (buffer === undefined) throw new Error(`no values were sent for the array ${spec.name}`);
  const sent = arrayOf(TYPES[spec.sent || spec.type], buffers[buffer]);
  if (!spec.sent) return sent;
  for (let i = 0; i < length; i++) out[i] = sent[i] - less;
  return out;
}
