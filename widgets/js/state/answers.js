/** A cache of Python's answers about examples (`inspect`), prefetched for the next ones of the list. */

/** @typedef {import("./messages.js").InspectAnswer} InspectAnswer */

/** Maximum number of answers kept in memory. */
const ANSWERS_KEPT = 200;
/** Number of next examples that are prefetched. */
const AHEAD = 3;

export class InspectAnswers {
  /** @param {{ store: import("./store.js").Store, wire: import("./wire.js").Wire, media: import("../examples/media.js").Media }} options */
  constructor({ store, wire, media }) {
    this.store = store;
    this.wire = wire;
    this.media = media;
    /** @type {Map<number, InspectAnswer>} */
    this.kept = new Map();
    this.timer = 0;
  }

  /** @param {number} row */
  get(row) {
    return this.kept.get(row);
  }

  /** @param {number} row */
  delete(row) {
    this.kept.delete(row);
  }

  clear() {
    this.kept.clear();
  }

  /** @param {number} row */
  async fetch(row) {
    const { body } = await this.wire.ask("inspect", { row });
    for (const item of [body.media, ...body.neighbors.items, ...(body.linked?.items ?? [])]) this.media.keep(item);
    this.kept.set(row, body);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= ANSWERS_KEPT) break;
      this.kept.delete(oldest);
    }
    return body;
  }

  /** Prefetch the next examples of the list. */
  ahead() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const rows = this.store.rows(),
        at = rows.indexOf(this.store.row);
      if (at < 0) return;
      for (const row of rows.slice(at + 1, at + 1 + AHEAD))
        if (!this.kept.has(row))
          this.fetch(row).catch(() => {
            /* shown when it is opened */
          });
    }, 20);
  }

  destroy() {
    clearTimeout(this.timer);
  }
}
