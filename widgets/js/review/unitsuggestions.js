/** Suggestions for units of the current list: the selection, or the queue of one tag. Python counts and accepts them. */
import { arrayOf, packMask } from "../base/bits.js";

/** Delay before Python is asked, so that a drag causes only one request, ms. */
const ASK_PAUSE = 120;

export class UnitSuggestions {
  /** @param {{ store: import("../state/store.js").Store, actions: import("./actions.js").Actions, kind: () => string | undefined, onNews: () => void, fail: (error: Error) => void }} options */
  constructor({ store, actions, kind, onNews, fail }) {
    this.store = store;
    this.actions = actions;
    this.onNews = onNews;
    this.kind = kind; // name of the queue if it is about one kind of error
    this.fail = fail;
    /** @type {number[]} probabilities of the open suggestions */
    this.likely = [];
    /** @type {number[]} their rows */
    this.rows = [];
    this.asked = 0;
    this.due = false; // a decision is being saved: ask Python afterwards
    this.timer = 0;
    store.on("history", () => {
      if (this.due && !store.pending) this.renew();
    });
  }

  /** Whether the current list has suggestions that can be accepted. */
  get offered() {
    const { list, queueUnit, meta } = this.store;
    return meta.doubted && (list === "selection" || (list === "queue" && Boolean(queueUnit || this.kind())));
  }

  /** The key of the unit concerned if the list is about one tag. */
  get unit() {
    return this.store.unit || undefined;
  }

  /** What the list is about. */
  get about() {
    return { unit: this.unit, queue: this.store.list === "queue" ? this.kind() : undefined };
  }

  /** The examples of the list, in the form sent to Python. */
  mask() {
    const mask = new Uint8Array(this.store.n);
    for (const row of this.store.rows()) mask[row] = 1;
    return packMask(mask).buffer;
  }

  /** Request the suggestions again; `onNews` is called when they arrive. */
  renew() {
    clearTimeout(this.timer);
    this.due = false;
    const asked = ++this.asked;
    this.timer = setTimeout(async () => {
      if (!this.offered || this.store.locked) return;
      this.due = this.store.pending > 0;
      if (this.due) return;
      try {
        const { buffers } = await this.actions.wire.ask("accept", this.about, [this.mask()]);
        if (asked !== this.asked) return;
        this.likely = [...arrayOf(Float32Array, buffers[0])];
        this.rows = [...arrayOf(Int32Array, buffers[1])];
        this.onNews();
      } catch (error) {
        this.fail(/** @type {Error} */ (error));
      }
    }, ASK_PAUSE);
  }

  /**
   * The number of suggestions with at least this probability (null: all), and of their examples.
   * @param {number | null} least
   */
  held(least) {
    const rows = this.rows.filter((_, i) => least === null || this.likely[i] >= least);
    return { count: rows.length, examples: new Set(rows).size };
  }

  /** @param {number | null} least */
  accept(least) {
    const { count } = this.held(least);
    return this.actions.acceptUnits({ least, ...this.about, sure: count }, this.mask());
  }

  destroy() {
    clearTimeout(this.timer);
  }
}
