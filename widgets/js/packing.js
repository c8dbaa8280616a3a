/** Decode arrays sent by Python in a compact form; `packing.py` encodes them and describes the format. */
import { arrayOf } from "./bits.js";

/** Typed arrays by their names in Python. */
const TYPES = { i4: Int32Array, f4: Float32Array, u1: Uint8Array, u2: Uint16Array };

/** Arrays by name. @param {import("./messages.js").ArraySpec[]} specs @param {DataView[]} buffers */
export function unpackedArrays(specs, buffers) {
  const out = {};
  for (const spec of specs) out[spec.name] = unpacked(spec, buffers, out);
  return out;
}

function unpacked(spec, buffers, earlier) {
  const Type = TYPES[spec.type],
    { length } = spec;
  if ("fill" in spec) return new Type(length).fill(spec.fill === null ? NaN : spec.fill);
  if (spec.rows) return new Type(length).map((_, i) => i);
  if (spec.like) return earlier[spec.like].slice(0, length);
  const sent = arrayOf(TYPES[spec.sent || spec.type], buffers[spec.buffer]);
  if (!spec.sent) return sent;
  const out = new Type(length);
  for (let i = 0; i < length; i++) out[i] = sent[i] - spec.less;
  return out;
}
