/** What is fetched from Python when it is first needed: columns, searches, lenses, maps. */
import { arrayOf, unpackMask } from "./bits.js";

/** Typed arrays by the names that Python uses. */
export const TYPES = { i4: Int32Array, f4: Float32Array, u1: Uint8Array };

export class Source {
  /** @param {object} wire @param {object} store */
  constructor(wire, store) {
    Object.assign(this, { wire, store });
  }

  /** A column's values, fetched on first use. */
  async load(name) {
    const { store } = this;
    if (store.values(name)) return;
    const { body, buffers } = await this.wire.ask("column", { name });
    store.setValues(name, arrayOf(TYPES[body.type], buffers[0]));
  }

  /** Mask of the rows that a text or a query finds. */
  async search(text) {
    const { buffers } = await this.wire.ask("search", { text });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /** Mask of a ready-made selection that rests on scores. */
  async lens(name) {
    const { buffers } = await this.wire.ask("lens", { name });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /** The data map as it stood after an epoch: [variability, confidence]. */
  async dataMap(epoch) {
    const { meta } = this.store;
    if (epoch === meta.epochs[meta.epochs.length - 1]) {
      return [this.store.values(meta.data_map.x), this.store.values(meta.data_map.y)];
    }
    const { buffers } = await this.wire.ask("upto", { epoch });
    return buffers.map((buffer) => arrayOf(Float32Array, buffer));
  }

  /** The embedding map of a checkpoint (-1: the last): {note, xs, ys}. The first time it may take seconds. */
  async embedding(epoch = -1) {
    const { body, buffers } = await this.wire.ask("embedding", { epoch });
    return placed(body, buffers);
  }
}

/** Python's [x0, y0, x1, y1, ...] as {note, xs, ys}. */
export function placed(body, buffers) {
  const xy = arrayOf(Float32Array, buffers[0]);
  const n = xy.length >> 1,
    xs = new Float32Array(n),
    ys = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    xs[i] = xy[2 * i];
    ys[i] = xy[2 * i + 1];
  }
  return { note: body.note, xs, ys };
}
