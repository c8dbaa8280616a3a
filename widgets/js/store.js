/**
 * The single place for state. Views read fields and listen to topics; only methods of the store change fields.
 *
 * Topics: "labels" (rows), "mask" (filters or selection), "selection", "look" (filters, colour, cameras), "cursor", "neighbors",
 * "list", "history", "count" (estimated number of remaining errors),
 * "space" (a class was added, or its addition undone).
 */
import { arrayOf, countMask, rowsOf } from "./bits.js";
import { Crossfilter } from "./crossfilter.js";
import { shortNames } from "./format.js";

export const VERDICTS = ["undecided", "relabelled", "kept", "skipped"];
/** Bits of the marks of an example, as in Python. */
const BITS = { flagged: 1, noted: 2, edited: 4 };
const CODE = { relabel: 1, keep: 2, skip: 3 };

/** Columns computed in the page because decisions change them. */
const LIVE = ["label", "verdict"];
/** Lists to which filters apply. */
const NARROWED = ["queue", "all"];

export class Store {
  /** @type {import("./messages.js").Slice[] | undefined} */
  slices;
  /** @type {Int32Array} */
  suggested;
  /** @type {Float32Array} */
  pError;
  /** @type {Float32Array} */
  pSuggested;
  /** @type {Uint8Array} */
  issue;
  /** @type {{ row: number, rows: number[] } | null} */
  neighborsOf;
  /** @type {string[]} */
  classes;
  /** @type {Uint8Array} */
  flags;
  /** @type {Int32Array} */
  given;
  /** @type {Int32Array} */
  labels;
  /** @type {any} */
  listeners;
  /** @type {import("./messages.js").OpenAnswer} */
  meta;
  /** @type {number} */
  n;
  /** @type {Int32Array} */
  order;
  /** @type {Uint8Array} */
  verdict;

  /** @param {import("./messages.js").OpenAnswer} meta the answer of `open` @param {Record<string, ArrayLike<number>>} arrays by name */
  constructor(meta, arrays) {
    Object.assign(this, { meta, n: meta.n, classes: meta.classes, listeners: new Map() });
    Object.assign(this, {
      given: arrays.given,
      suggested: arrays.suggested,
      labels: arrays.labels,
      verdict: arrays.verdict,
      flags: arrays.flags,
      pError: arrays.p_error,
      pSuggested: arrays.p_suggested,
      order: arrays.order,
      issue: arrays.is_issue,
    });
    /** @type {Map<string, import("./messages.js").ColumnInfo & { values?: any }>} */
    this.columns = new Map(meta.columns.map((column) => [column.name, { ...column }]));
    this.rank = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) this.rank[this.order[i]] = i;
    this.filter = new Crossfilter(this.n);
    this.look = { filters: {}, color_by: "", cameras: {}, epochs: {} };
    this.selected = new Uint8Array(this.n);
    this.selectedCount = 0;
    this.lists = { queue: arrays.queue, all: this.order, selection: new Int32Array(0), neighbors: new Int32Array(0) };
    this.list = "queue";
    this.queueUnit = meta.queue_unit || "";
    this.selectionUnit = "";
    this.narrowed = new Map(); // lists as the filters leave them
    this.row = -1;
    this.past = [];
    this.future = [];
    this.pending = 0;
    this.saved = meta.saved || "";
    this.blind = Boolean(meta.blind);
    this.revealed = -1;
    this.changed = meta.changed; // number of examples whose labels differ from the given ones, counted by Python
    this.k = this.space.length; // classes of the dataset; added ones follow
    this.gone = new Set(); // codes of classes whose addition was undone
    this.grow(meta.added);
    this.locked = ""; // why nothing can be saved
    this.emptyBecause = ""; // why the queue is empty, if Python gave a reason
  }

  on(topic, listener) {
    if (!this.listeners.has(topic)) this.listeners.set(topic, []);
    this.listeners.get(topic).push(listener);
  }

  emit(topic, detail) {
    for (const listener of this.listeners.get(topic) || []) listener(detail);
  }

  /* ---- the label space ---- */

  /** Names of classes, or of tags if an example has several. */
  get space() {
    return this.meta.space.length ? this.meta.space : this.classes;
  }

  /** Set the added classes, as listed by Python. @param {import("./messages.js").AddedClass[]} added */
  grow(added) {
    const { space, k } = this,
      gone = new Set(added.flatMap(({ stands }, i) => (stands ? [] : [k + i])));
    if (space.length === k + added.length && gone.size === this.gone.size) return;
    space.splice(k, space.length, ...added.map(({ name }) => name));
    this.gone = gone;
    if (space === this.classes) this.columns.get("label").categories = space;
    this.emit("space");
  }

  /* ---- columns ---- */

  /** Values or codes of a column, or null if they have not been loaded. */
  values(name) {
    if (name === "label") return this.labels;
    if (name === "verdict") return this.verdict;
    return this.columns.get(name)?.values || null;
  }

  isLive(name) {
    return LIVE.includes(name);
  }

  /** Add a column: an initial one, or one computed on request. */
  setColumn(column, values) {
    const known = this.columns.get(column.name);
    if (known) known.values = values;
    else this.columns.set(column.name, { ...column, values });
  }

  /* ---- filters and selection ---- */

  /** Run a change of the crossfilter, then notify all parts of the rows that started or stopped matching. */
  refilter(change) {
    change(this.filter);
    this.narrowed.clear();
    this.emit("mask", { filter: true, rows: this.filter.takeFlipped() });
  }

  /**
   * The look of the view: filters as {column: [low, high] or [category, ...], search: text}, the colour column, cameras as
   * {map: [zoom, x, y]}, and epochs as {map: epoch} if not the last. Parts of the view follow their own controls; undo,
   * saved views and Python read this state.
   */
  setLook(part, { from = "page" } = {}) {
    const look = { ...this.look, ...part };
    if (JSON.stringify(look) === JSON.stringify(this.look)) return;
    this.look = look;
    this.emit("look", { part, from });
  }

  /**
   * Select the rows of a mask and show them as a list; with `stay` the list on show stays. `unit` is the key of the units
   * that the selection is about, "" for all.
   */
  setSelection(mask, { from = "page", stay = false, unit = "" } = {}) {
    this.selected = mask;
    this.selectionUnit = unit;
    this.selectedCount = countMask(mask);
    this.lists.selection = rowsOf(mask, this.order);
    this.emit("selection", { from }); // Python is notified before anything is drawn
    this.emit("mask", { selection: true, from });
    if (!stay || this.list === "selection") this.showList(this.selectedCount ? "selection" : "queue");
  }

  clearSelection() {
    if (this.selectedCount) this.setSelection(new Uint8Array(this.n));
  }

  /* ---- lists and the cursor ---- */

  /** Rows of the current list; filters apply to the queue and the list of all examples. */
  rows(name = this.list) {
    const rows = this.lists[name] || this.lists.queue;
    if (!NARROWED.includes(name) || !this.filter.active) return rows;
    if (this.narrowed.get(name)?.of !== rows)
      this.narrowed.set(name, { of: rows, rows: rows.filter((row) => this.filter.passing[row]) });
    return this.narrowed.get(name).rows;
  }

  /** The key of the units to which the displayed list is restricted; "" for all. */
  get unit() {
    return this.list === "queue" ? this.queueUnit : this.list === "selection" ? this.selectionUnit : "";
  }

  showList(name) {
    this.list = name;
    this.emit("list");
  }

  /** @param {Int32Array} rows @param {string} unit the key of the units in the queue, "" for all */
  setQueue(rows, unit = "") {
    this.lists.queue = rows;
    this.queueUnit = unit;
    this.emit("queue");
    this.emit("list");
  }

  /** Time of the last write to the journal, as "12:03". */
  setSaved(time) {
    this.saved = time || "";
    this.emit("history");
  }

  goTo(row) {
    if (row === this.row) return;
    this.row = row;
    this.revealed = -1;
    this.emit("cursor");
  }

  /** Move within the current list; from a row outside it, to its first row. */
  step(by) {
    const rows = this.rows();
    if (!rows.length) return;
    const at = rows.indexOf(this.row);
    this.goTo(rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))]);
  }

  /** The next row of the list without a verdict, searching from the current one and then from the start. */
  nextOpen() {
    const rows = this.rows(),
      at = rows.indexOf(this.row);
    if (at < 0) return this.row;
    for (let i = at + 1; i < rows.length; i++) if (!this.verdict[rows[i]]) return rows[i];
    return rows[Math.min(at + 1, rows.length - 1)];
  }

  firstOpen(name = this.list) {
    const rows = this.rows(name);
    const open = rows.find((row) => !this.verdict[row]);
    return open === undefined ? (rows.length ? rows[0] : -1) : open;
  }

  /** Number of examples in the queue that have a verdict. */
  progress() {
    const rows = this.rows("queue");
    let done = 0;
    for (const row of rows) if (this.verdict[row]) done++;
    return { done, total: rows.length, at: rows.indexOf(this.row) + 1 };
  }

  /* ---- decisions ---- */

  /**
   * Apply a change at once: labels (null keeps them), verdict and flag of rows; it is recorded for undo.
   * @param {{rows: Int32Array, labels?: Int32Array, verdict?: string, flag?: boolean, note?: boolean, text: string}} change
   */
  apply(change) {
    const { rows } = change;
    const before = this.standing(rows);
    rows.forEach((row, i) => {
      if (change.labels) this.expect(row, change.labels[i]);
      if (change.verdict)
        this.verdict[row] = change.labels && change.labels[i] === this.given[row] ? CODE.keep : CODE[change.verdict];
      if (change.flag !== undefined) this.flags[row] = change.flag ? this.flags[row] | BITS.flagged : this.flags[row] & ~BITS.flagged;
      if (change.note !== undefined) this.flags[row] = change.note ? this.flags[row] | BITS.noted : this.flags[row] & ~BITS.noted;
    });
    this.remember(before, change.text);
    this.touched(rows);
  }

  /** A copy of the state of rows. */
  standing(rows) {
    const { labels, verdict, flags } = this;
    return {
      rows,
      labels: Int32Array.from(rows, (r) => labels[r]),
      verdict: Uint8Array.from(rows, (r) => verdict[r]),
      flags: Uint8Array.from(rows, (r) => flags[r]),
    };
  }

  /** An undoable step: the state `before` and the new state. */
  remember(before, text) {
    const { rows } = before;
    this.past.push({ before, after: this.standing(rows), text, rows });
    if (this.past.length > 1000) this.past.shift();
    this.future = [];
  }

  /** Undo (or, with `forward`, redo) one step in the history of this page; returns the step, or null. */
  travel(forward = false) {
    const [from, to] = forward ? [this.future, this.past] : [this.past, this.future];
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    this.write(forward ? step.after : step.before);
    return step;
  }

  /** Set a label that Python has not confirmed yet, and whether the example then differs from its given labels. */
  expect(row, label) {
    this.labels[row] = label;
    this.flags[row] = label === this.given[row] ? this.flags[row] & ~BITS.edited : this.flags[row] | BITS.edited;
  }

  /** Whether the labels of an example differ from the given ones. */
  edited(row) {
    return Boolean(this.flags[row] & BITS.edited);
  }

  flagged(row) {
    return Boolean(this.flags[row] & BITS.flagged);
  }

  noted(row) {
    return Boolean(this.flags[row] & BITS.noted);
  }

  /** Apply the state of rows and the number of changed examples from Python, which override those of the page. */
  patch({ rows, labels, verdict, flags }, changed) {
    const news = rows.some(
      (row, i) => this.labels[row] !== labels[i] || this.verdict[row] !== verdict[i] || this.flags[row] !== flags[i],
    );
    if (news) this.write({ rows, labels, verdict, flags });
    if (changed === this.changed) return;
    this.changed = changed;
    this.emit("history");
  }

  write({ rows, labels, verdict, flags }) {
    for (let i = 0; i < rows.length; i++) {
      this.labels[rows[i]] = labels[i];
      this.verdict[rows[i]] = verdict[i];
      this.flags[rows[i]] = flags[i];
    }
    this.touched(rows);
  }

  touched(rows) {
    LIVE.forEach((name) => this.filter.forget(name));
    this.narrowed.clear();
    this.emit("labels", rows);
  }

  className(code) {
    return code >= 0 && code < this.classes.length ? this.classes[code] : "unlabelled";
  }

  /**
   * The name of a class, shortened to `most` characters but still distinct from the others.
   * @param {number} code @param {number} most @returns {string}
   */
  shortName(code, most) {
    return code >= 0 && code < this.classes.length ? shortNames(this.classes, most)[code] : "unlabelled";
  }

  /** Shorten long class names in a text, so that the text after them fits into a line of `most` characters. */
  shortenIn(text, most) {
    if (text.length <= most) return text;
    /** @type {[string, number][]} */
    const named = this.classes.map((name, code) => [name, code]);
    const found = named.filter(([name]) => name.length > 12 && text.includes(name));
    found.sort((a, b) => b[0].length - a[0].length);
    const room = Math.max(10, Math.floor((most - 30) / Math.max(1, Math.min(2, found.length))));
    return found.reduce((all, [name, code]) => all.replaceAll(name, this.shortName(code, room)), text);
  }

  /** Whether blind mode hides the evidence on this row, which it does until the row is judged. */
  hides(row) {
    return this.blind && this.meta.doubted !== false && row >= 0 && this.revealed !== row && !this.verdict[row];
  }
}

/** The four arrays of a patch from Python. */
export function patchOf(buffers) {
  return {
    rows: arrayOf(Int32Array, buffers[0]),
    labels: arrayOf(Int32Array, buffers[1]),
    verdict: arrayOf(Uint8Array, buffers[2]),
    flags: arrayOf(Uint8Array, buffers[3]),
  };
}
