/** Data fetched from Python on demand: columns, searches, slices, maps. */
import { arrayOf, unpackMask } from "./bits.js";
import { axesOf } from "./geometry.js";
import { unpackedArrays } from "./packing.js";

/** Time after which a layout is requested again, ms. */
const ASK_AGAIN = 5000;

export class Source {
  /** @type {any} */
  layouts;
  /** @type {import("./store.js").Store} */
  store;
  /** @type {import("./wire.js").Wire} */
  wire;

  /** @param {import("./wire.js").Wire} wire @param {import("./store.js").Store} store */
  constructor(wire, store) {
    Object.assign(this, { wire, store, layouts: new Map() });
  }

  /** The values of a column, fetched on first use. */
  async load(name) {
    const { store } = this;
    if (store.values(name)) return;
    const { body, buffers } = await this.wire.ask("column", { name });
    store.setColumn(body.column, unpackedArrays(body.arrays, buffers)[name]);
  }

  /** Mask of the rows that match a text or a query. */
  async search(text) {
    const { buffers } = await this.wire.ask("search", { text });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /** Mask of a ready-made selection based on scores. */
  async slice(name) {
    const { buffers } = await this.wire.ask("slice", { name });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /** The data map up to an epoch: [variability, confidence]. */
  async dataMap(epoch) {
    const { meta } = this.store;
    if (epoch === meta.epochs[meta.epochs.length - 1]) {
      return [this.store.values(meta.data_map.x), this.store.values(meta.data_map.y)];
    }
    const { buffers } = await this.wire.ask("upto", { epoch });
    return buffers.map((buffer) => arrayOf(Float32Array, buffer));
  }

  /** The embedding map of a checkpoint (-1 = last): {note, xs, ys}. The first request may take seconds. */
  async embedding(epoch = -1) {
    const { body, buffers } = await this.patiently("embedding", { epoch });
    return placed(body, buffers);
  }

  /** Request something that needs a layout; if Python answers `later`, ask again when the layout is done. */
  async patiently(kind, question) {
    for (;;) {
      const answer = await this.wire.ask(kind, question);
      if (answer.body.later === undefined) return answer;
      await new Promise((resolve, reject) => {
        const epoch = answer.body.later;
        this.layouts.set(epoch, [...(this.layouts.get(epoch) || []), { resolve, reject }]);
        setTimeout(resolve, ASK_AGAIN); // its message may have arrived before the answer
      });
    }
  }

  /** A layout is done, or has failed. */
  laidOut({ epoch, failed }) {
    const waiting = this.layouts.get(epoch) || [];
    this.layouts.delete(epoch);
    for (const { resolve, reject } of waiting) {
      if (failed) reject(new Error(failed));
      else resolve();
    }
  }
}

/** Convert [x0, y0, x1, y1, ...] from Python to {note, xs, ys}. */
export function placed(body, buffers) {
  const [xs, ys] = axesOf(arrayOf(Float32Array, buffers[0]));
  return { note: body.note, xs, ys };
}
