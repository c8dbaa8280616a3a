/**
 * Linked filters over n rows. Each filter owns one bit; a row passes when no filter has set its bit. The counts
 * of a histogram leave out that histogram's own filter, so that a brush shows what it could be moved to.
 */

/** Bins of a histogram. */
export const BINS = 40;
/** Bin of a row without a value. */
export const NO_BIN = 255;

/** Bin number of every value over [low, high]; NO_BIN for NaN. */
export function binned(values, low, high, bins = BINS) {
  const out = new Uint8Array(values.length),
    factor = high > low ? bins / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    out[i] = v === v ? Math.max(0, Math.min(bins - 1, (v - low) * factor)) | 0 : NO_BIN;
  }
  return out;
}

export class Crossfilter {
  /** @param {number} n rows */
  constructor(n) {
    this.n = n;
    this.failed = new Int32Array(n);
    this.passing = new Uint8Array(n).fill(1);
    this.bits = new Map();
  }

  /** The bit of a filter, given out on first use (31 filters at most). */
  bit(name) {
    if (!this.bits.has(name)) {
      const used = new Set(this.bits.values());
      let free = 0;
      while (used.has(1 << free)) free++;
      if (free > 30) throw new Error("more than 31 filters at once");
      this.bits.set(name, 1 << free);
    }
    return this.bits.get(name);
  }

  /** Keep rows whose value is in [low, high]; NaN fails. */
  range(name, values, low, high) {
    const bit = this.bit(name),
      { failed, n } = this;
    for (let i = 0; i < n; i++) failed[i] = values[i] >= low && values[i] <= high ? failed[i] & ~bit : failed[i] | bit;
    this.refresh();
  }

  /** Keep rows whose code is in `kept` (a Set; -1 stands for no value). */
  among(name, codes, kept) {
    let most = 0;
    for (const code of kept) most = Math.max(most, code);
    const wanted = new Uint8Array(most + 2);
    for (const code of kept) wanted[code + 1] = 1;
    const bit = this.bit(name),
      { failed, n } = this;
    for (let i = 0; i < n; i++) failed[i] = wanted[codes[i] + 1] ? failed[i] & ~bit : failed[i] | bit;
    this.refresh();
  }

  /** Keep rows of a mask. */
  mask(name, mask) {
    const bit = this.bit(name),
      { failed, n } = this;
    for (let i = 0; i < n; i++) failed[i] = mask[i] ? failed[i] & ~bit : failed[i] | bit;
    this.refresh();
  }

  /** Drop one filter. */
  clear(name) {
    if (!this.bits.has(name)) return;
    const bit = this.bits.get(name),
      { failed, n } = this;
    for (let i = 0; i < n; i++) failed[i] &= ~bit;
    this.bits.delete(name);
    this.refresh();
  }

  refresh() {
    const { failed, passing, n } = this;
    for (let i = 0; i < n; i++) passing[i] = failed[i] === 0 ? 1 : 0;
  }

  /** Is any filter on? */
  get active() {
    return this.bits.size > 0;
  }

  /**
   * Rows per bin of one column: `all`, those that pass the other filters, and of these the selected ones.
   * @param {Uint8Array|Int32Array} bins bin or code of every row (NO_BIN or -1: none)
   */
  counts(name, bins, size, selected) {
    const bit = this.bits.get(name) || 0,
      { failed, n } = this;
    const all = new Int32Array(size),
      shown = new Int32Array(size),
      chosen = new Int32Array(size);
    for (let i = 0; i < n; i++) {
      const b = bins[i];
      if (b < 0 || b >= size) continue;
      all[b]++;
      if ((failed[i] & ~bit) === 0) {
        shown[b]++;
        if (selected && selected[i]) chosen[b]++;
      }
    }
    return { all, shown, chosen };
  }
}
