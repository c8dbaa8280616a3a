/**
 * Linked filters over n rows. Each filter owns one bit; a row passes if no filter has set its bit. The counts of a
 * histogram ignore the histogram's own filter, so that they show where its brush could be moved.
 *
 * Moving a brush is fast with a million rows because only rows between its old and new edge are visited, which are
 * adjacent in an index of the column, and counts are updated by those rows instead of being recomputed.
 */

/** Number of bins of a histogram. */
export const BINS = 40;
/** Bin of a row without a value. */
export const NO_BIN = 255;
/** Number of buckets in the index of a column. */
const BUCKETS = 8192;

/**
 * Bin number of every value over [low, high]; NO_BIN for NaN.
 * @param {ArrayLike<number>} values @param {number} low @param {number} high
 */
export function binned(values, low, high, bins = BINS) {
  const out = new Uint8Array(values.length),
    factor = high > low ? bins / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    out[i] = v === v ? Math.max(0, Math.min(bins - 1, (v - low) * factor)) | 0 : NO_BIN;
  }
  return out;
}

/**
 * Rows of a column sorted into buckets of equal width: {rows, starts, bucket(value)}; without rows of NaN.
 * @param {ArrayLike<number>} values
 */
export function bucketed(values, buckets = BUCKETS) {
  const n = values.length;
  let low = Infinity,
    high = -Infinity;
  for (let i = 0; i < n; i++) {
    const v = values[i];
    if (v < low && v !== -Infinity) low = v;
    if (v > high && v !== Infinity) high = v;
  }
  const factor = high > low ? buckets / (high - low) : 0;
  /** @param {number} v */
  const bucket = (v) => (factor ? Math.max(0, Math.min(buckets - 1, Math.floor((v - low) * factor))) : 0);
  const starts = new Uint32Array(buckets + 1),
    places = new Uint16Array(n);
  let known = 0;
  for (let i = 0; i < n; i++) {
    if (values[i] !== values[i]) continue;
    places[i] = bucket(values[i]);
    starts[places[i] + 1]++;
    known++;
  }
  for (let b = 0; b < buckets; b++) starts[b + 1] += starts[b];
  const next = starts.slice(0, buckets),
    rows = new Uint32Array(known);
  for (let i = 0; i < n; i++) if (values[i] === values[i]) rows[next[places[i]]++] = i;
  return { rows, starts, bucket };
}

/**
 * @typedef {object} Group counts of a column, kept up to date
 * @property {ArrayLike<number>} bins
 * @property {number} size
 * @property {Uint8Array | null} selected
 * @property {number} bit
 * @property {Int32Array} all
 * @property {Int32Array} shown
 * @property {Int32Array} chosen
 */

export class Crossfilter {
  /** @param {number} n rows */
  constructor(n) {
    this.n = n;
    this.failed = new Int32Array(n);
    this.passing = new Uint8Array(n).fill(1);
    this.passingCount = n;
    /** @type {Map<string, number>} */
    this.bits = new Map();
    /** @type {Map<string, { values: ArrayLike<number>, low: number, high: number }>} */
    this.ranges = new Map();
    /** @type {Map<string, Group>} */
    this.groups = new Map();
    /** @type {Group[]} */
    this.list = [];
    /** @type {WeakMap<ArrayLike<number>, ReturnType<typeof bucketed>>} */
    this.indexes = new WeakMap();
    this.flipped = new Uint32Array(1024);
    this.flips = 0;
  }

  /** The bit of a filter, assigned on first use (at most 31 filters). @param {string} name */
  bit(name) {
    const known = this.bits.get(name);
    if (known !== undefined) return known;
    const used = new Set(this.bits.values());
    let free = 0;
    while (used.has(1 << free)) free++;
    if (free > 30) throw new Error("more than 31 filters at once");
    this.bits.set(name, 1 << free);
    this.forget(name); // its counts ignore this bit from now on
    return 1 << free;
  }

  /* ---- filters ---- */

  /**
   * Keep rows whose value is in [low, high]; NaN fails.
   * @param {string} name @param {ArrayLike<number>} values @param {number} low @param {number} high
   */
  range(name, values, low, high) {
    const bit = this.bit(name),
      before = this.ranges.get(name),
      { n } = this;
    this.ranges.set(name, { values, low, high });
    /** @param {number} i */
    const test = (i) => {
      if (!(values[i] >= low && values[i] <= high) !== Boolean(this.failed[i] & bit)) this.flip(i, bit);
    };
    if (before?.values !== values) {
      for (let i = 0; i < n; i++) test(i);
      return;
    }
    const index = this.indexes.get(values) ?? bucketed(values);
    this.indexes.set(values, index);
    const { rows, starts, bucket } = index;
    for (const [a, b] of [
      [before.low, low],
      [before.high, high],
    ]) {
      if (a === b) continue;
      const end = starts[bucket(Math.max(a, b)) + 1];
      for (let at = starts[bucket(Math.min(a, b))]; at < end; at++) test(rows[at]);
    }
  }

  /**
   * Keep rows whose code is in `kept` (a Set; -1 means no value).
   * @param {string} name @param {ArrayLike<number>} codes @param {Set<number>} kept
   */
  among(name, codes, kept) {
    let most = 0;
    for (const code of kept) most = Math.max(most, code);
    const wanted = new Uint8Array(most + 2);
    for (const code of kept) wanted[code + 1] = 1;
    this.keep(name, (i) => wanted[codes[i] + 1]);
  }

  /** Keep rows of a mask. @param {string} name @param {Uint8Array} mask */
  mask(name, mask) {
    this.keep(name, (i) => mask[i]);
  }

  /** @param {string} name @param {(row: number) => unknown} test */
  keep(name, test) {
    const bit = this.bit(name),
      { failed, n } = this;
    this.ranges.delete(name);
    for (let i = 0; i < n; i++) if (!test(i) !== Boolean(failed[i] & bit)) this.flip(i, bit);
  }

  /** Remove one filter. @param {string} name */
  clear(name) {
    const bit = this.bits.get(name),
      { failed, n } = this;
    if (bit === undefined) return;
    for (let i = 0; i < n; i++) if (failed[i] & bit) this.flip(i, bit);
    this.bits.delete(name);
    this.ranges.delete(name);
  }

  /** Whether any filter is active. */
  get active() {
    return this.bits.size > 0;
  }

  /** Change whether one row passes one filter, and update all counts. @param {number} i @param {number} bit */
  flip(i, bit) {
    const old = this.failed[i],
      now = old ^ bit;
    this.failed[i] = now;
    if ((old === 0) !== (now === 0)) {
      this.passing[i] = now === 0 ? 1 : 0;
      this.passingCount += now === 0 ? 1 : -1;
      if (this.flips === this.flipped.length) {
        const larger = new Uint32Array(2 * this.flips);
        larger.set(this.flipped);
        this.flipped = larger;
      }
      this.flipped[this.flips++] = i;
    }
    for (const group of this.list) {
      const was = (old & ~group.bit) === 0,
        is = (now & ~group.bit) === 0;
      if (was === is) continue;
      const b = group.bins[i];
      if (b < 0 || b >= group.size) continue;
      group.shown[b] += is ? 1 : -1;
      if (group.selected && group.selected[i]) group.chosen[b] += is ? 1 : -1;
    }
  }

  /** Rows that started or stopped passing since the last call. */
  takeFlipped() {
    const rows = this.flipped.slice(0, this.flips);
    this.flips = 0;
    return rows;
  }

  /* ---- counts ---- */

  /**
   * Rows per bin of one column: `all`, those that pass the other filters, and the selected ones among these. The arrays
   * are kept up to date; do not modify them.
   * @param {ArrayLike<number>} bins bin or code of every row (NO_BIN or -1: none)
   * @param {Uint8Array|null} selected a mask that is replaced, not changed, when the selection changes
   * @param {string} name @param {number} size
   */
  counts(name, bins, size, selected) {
    const known = this.groups.get(name),
      bit = this.bits.get(name) || 0;
    if (known && known.bins === bins && known.size === size && known.selected === selected && known.bit === bit)
      return known;
    const group = { bins, size, selected, bit, ...this.counted(bins, size, bit, selected) };
    this.groups.set(name, group);
    this.list = [...this.groups.values()];
    return group;
  }

  /** @param {ArrayLike<number>} bins @param {number} size @param {number} bit @param {Uint8Array|null} selected */
  counted(bins, size, bit, selected) {
    const { failed, n } = this;
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

  /** Forget the counts of a column that changed or is no longer shown; they are recomputed on request. @param {string} name */
  forget(name) {
    this.groups.delete(name);
    this.list = [...this.groups.values()];
  }
}
