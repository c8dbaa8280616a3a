/** Data fetched from Python on demand: columns, searches, slices, maps. */
import { arrayOf, unpackMask } from "../base/bits.js";
import { axesOf } from "../base/geometry.js";
import { unpackedArrays } from "../base/packing.js";
/** @import { Frame } from "../maps/timeline.js" */

/** @typedef {{ note?: string, xs: Float32Array, ys: Float32Array }} Placed a layout of all rows */

/** Time after which a layout is requested again, ms. */
const ASK_AGAIN = 5000;

export class Source {
  /** @param {import("./wire.js").Wire} wire @param {import("./store.js").Store} store */
  constructor(wire, store) {
    this.wire = wire;
    this.store = store;
    /** @type {Map<number | string, { resolve: (value?: unknown) => void, reject: (error: Error) => void }[]>} waiting for a layout */
    this.layouts = new Map();
  }

  /** The values of a column, fetched on first use. @param {string} name */
  async load(name) {
    const { store } = this;
    if (store.values(name)) return;
    const { body, buffers } = await this.wire.ask("column", { name });
    store.setColumn(body.column, unpackedArrays(body.arrays, buffers)[name]);
  }

  /** Mask of the rows that match a text or a query. @param {string} text */
  async search(text) {
    const { buffers } = await this.wire.ask("search", { text });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /** Mask of a ready-made selection based on scores. @param {string} name */
  async slice(name) {
    const { buffers } = await this.wire.ask("slice", { name });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  /**
   * The data map up to an epoch: [variability, confidence].
   * @param {number} epoch @returns {Promise<Frame>}
   */
  async dataMap(epoch) {
    const { meta } = this.store;
    if (meta.data_map && epoch === meta.epochs[meta.epochs.length - 1]) {
      return [this.store.loaded(meta.data_map.x), this.store.loaded(meta.data_map.y)];
    }
    const { buffers } = await this.wire.ask("upto", { epoch });
    const [xs, ys] = buffers.map((buffer) => arrayOf(Float32Array, buffer));
    return [xs, ys];
  }

  /** The embedding map of a checkpoint (-1 = last): {note, xs, ys}. The first request may take seconds. */
  async embedding(epoch = -1) {
    const { body, buffers } = await this.patiently("embedding", { epoch });
    return placed(body, buffers);
  }

  /**
   * Request something that needs a layout; if Python answers `later`, ask again when the layout is done.
   * @template {"embedding" | "trail" | "compare"} K
   * @param {K} kind @param {import("./messages.js").Requests[K]} question
   */
  async patiently(kind, question) {
    for (;;) {
      const answer = await this.wire.ask(kind, question);
      const epoch = answer.body.later;
      if (epoch === undefined) return answer;
      await new Promise((resolve, reject) => {
        this.layouts.set(epoch, [...(this.layouts.get(epoch) || []), { resolve, reject }]);
        setTimeout(resolve, ASK_AGAIN); // its message may have arrived before the answer
      });
    }
  }

  /** A layout is done, or has failed. @param {{ epoch: number|string, failed?: string }} options */
  laidOut({ epoch, failed }) {
    const waiting = this.layouts.get(epoch) || [];
    this.layouts.delete(epoch);
    for (const { resolve, reject } of waiting) {
      if (failed) reject(new Error(failed));
      else resolve();
    }
  }
}

/** Convert [x0, y0, x1, y1, ...] from Python to {note, xs, ys}. @param {{ note?: string }} body @param {DataView<ArrayBuffer>[]} buffers */
export function placed(body, buffers) {
  const [xs, ys] = axesOf(arrayOf(Float32Array, buffers[0]));
  return { note: body.note, xs, ys };
}
