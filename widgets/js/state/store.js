/**
 * The single place for state. Views read fields and listen to topics; only methods of the store change fields.
 *
 * Topics: "labels" (rows), "mask" (filters or selection), "selection", "look" (filters, colour, cameras), "cursor", "neighbors",
 * "list", "history", "count" (estimated number of remaining errors),
 * "space" (a class was added, or its addition undone).
 */
import { arrayOf, countMask, rowsOf } from "../base/bits.js";
import { Crossfilter } from "../base/crossfilter.js";
import { shortNames } from "../base/format.js";
import { kindOf } from "./orders.js";
/** @import { Numbers } from "../base/packing.js" */

/** @typedef {import("./messages.js").ColumnInfo & { values?: Numbers }} Column with its values once they are here */
/** @typedef {{ rows: Int32Array, labels: Int32Array, verdict: Uint8Array, flags: Uint8Array }} Standing how rows stand */
/** @typedef {{ before: Standing, after: Standing, rows: Int32Array, text: string }} Step one that can be undone */
/** @typedef {{ rows: Int32Array, labels?: Int32Array, verdict?: Verdict, flag?: boolean, note?: boolean, text: string }} Change */
/** @typedef {"relabel" | "keep" | "skip"} Verdict */
/** @typedef {{ filters: Record<string, any>, color_by: string, cameras: Record<string, number[]>, epochs: Record<string, number> }} Look */
/**
 * @typedef {Record<string, Numbers> & { given: Int32Array, suggested: Int32Array, labels: Int32Array, verdict: Uint8Array,
 *   flags: Uint8Array, p_error: Float32Array, p_suggested: Float32Array, order: Int32Array, queue: Int32Array, is_issue: Uint8Array }} StartArrays
 */

export const VERDICTS = ["undecided", "relabelled", "kept", "skipped"];
/** Bits of the marks of an example, as in Python. */
const BITS = { flagged: 1, noted: 2, edited: 4 };
/** @type {Record<Verdict, number>} */
const CODE = { relabel: 1, keep: 2, skip: 3 };

/** Columns computed in the page because decisions change them. */
const LIVE = ["label", "verdict"];
/** Lists to which filters apply. */
const NARROWED = ["queue", "all"];

export class Store {
  /** @param {import("./messages.js").OpenAnswer} meta what `open` answered @param {StartArrays} arrays by name */
  constructor(meta, arrays) {
    this.meta = meta;
    this.n = meta.n;
    this.classes = meta.classes;
    /** @type {Map<string, ((detail: any) => void)[]>} */
    this.listeners = new Map();
    this.given = arrays.given;
    this.suggested = arrays.suggested;
    this.labels = arrays.labels;
    this.verdict = arrays.verdict;
    this.flags = arrays.flags;
    this.pError = arrays.p_error;
    this.pSuggested = arrays.p_suggested;
    this.order = arrays.order;
    this.issue = arrays.is_issue;
    /** @type {import("./messages.js").Slice[] | undefined} */
    this.slices = undefined;
    /** @type {{ row: number, rows: number[] } | null} */
    this.neighborsOf = null;
    /** @type {Map<string, Column>} */
    this.columns = new Map(meta.columns.map((column) => [column.name, { ...column }]));
    this.rank = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) this.rank[this.order[i]] = i;
    this.filter = new Crossfilter(this.n);
    /** @type {Look} */
    this.look = { filters: {}, color_by: "", cameras: {}, epochs: {} };
    /** @type {Uint8Array} */
    this.selected = new Uint8Array(this.n);
    this.selectedCount = 0;
    /** @type {Record<string, Int32Array>} */
    this.lists = { queue: arrays.queue, all: this.order, selection: new Int32Array(0), neighbors: new Int32Array(0) };
    this.list = "queue";
    this.queueUnit = meta.queue_unit || "";
    this.queueKind = kindOf(meta.queue_order || "");
    this.selectionUnit = "";
    /** a unit that was chosen with its example, to be in focus there */
    this.unitPicked = { row: -1, key: "" };
    /** @type {Map<string, { of: Int32Array, rows: Int32Array }>} lists as the filters leave them */
    this.narrowed = new Map();
    this.row = -1;
    /** @type {Step[]} */
    this.past = [];
    /** @type {Step[]} */
    this.future = [];
    this.pending = 0;
    this.saved = meta.saved || "";
    this.blind = Boolean(meta.blind);
    this.revealed = -1;
    this.changed = meta.changed; // number of examples whose labels differ from the given ones, counted by Python
    this.k = this.space.length; // classes of the dataset; added ones follow
    /** @type {Set<number>} codes of classes whose addition was undone */
    this.gone = new Set();
    this.grow(meta.added);
    this.locked = ""; // why nothing can be saved
    this.emptyBecause = ""; // why the queue is empty, if Python gave a reason
  }

  /** @param {string} topic @param {(detail: any) => void} listener */
  on(topic, listener) {
    this.listeners.set(topic, [...(this.listeners.get(topic) || []), listener]);
  }

  /** @param {string} topic @param {any} [detail] */
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
    const labels = this.columns.get("label");
    if (labels && space === this.classes) labels.categories = space;
    this.emit("space");
  }

  /* ---- columns ---- */

  /** Values or codes of a column, or null if they have not been loaded. @param {string} name */
  values(name) {
    if (name === "label") return this.labels;
    if (name === "verdict") return this.verdict;
    return this.columns.get(name)?.values || null;
  }

  /** The values of a column that was loaded. @param {string} name */
  loaded(name) {
    const values = this.values(name);
    if (!values) throw new Error(`the column ${name} is not loaded`);
    return values;
  }

  /** @param {string} name */
  column(name) {
    const column = this.columns.get(name);
    if (!column) throw new Error(`no column is named ${name}`);
    return column;
  }

  /** @param {string} name */
  isLive(name) {
    return LIVE.includes(name);
  }

  /** Add a column: an initial one, or one computed on request. @param {Column} column @param {Numbers} values */
  setColumn(column, values) {
    const known = this.columns.get(column.name);
    if (known) known.values = values;
    else this.columns.set(column.name, { ...column, values });
  }

  /* ---- filters and selection ---- */

  /**
   * Run a change of the crossfilter, then notify all parts of the rows that started or stopped matching.
   * @param {(filter: Crossfilter) => void} change
   */
  refilter(change) {
    change(this.filter);
    this.narrowed.clear();
    this.emit("mask", { filter: true, rows: this.filter.takeFlipped() });
  }

  /**
   * The look of the view: filters as {column: [low, high] or [category, ...], search: text}, the colour column, cameras as
   * {map: [zoom, x, y]}, and epochs as {map: epoch} if not the last. Parts of the view follow their own controls; undo,
   * saved views and Python read this state.
   * @param {Partial<Look>} part
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
   * @param {Uint8Array} mask
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
    let narrowed = this.narrowed.get(name);
    if (narrowed?.of !== rows) {
      narrowed = { of: rows, rows: rows.filter((row) => this.filter.passing[row]) };
      this.narrowed.set(name, narrowed);
    }
    return narrowed.rows;
  }

  /** The key of the units to which the displayed list is restricted; "" for all. */
  get unit() {
    return this.list === "queue" ? this.queueUnit : this.list === "selection" ? this.selectionUnit : "";
  }

  /** The kind of error, or the pair of classes, that the displayed list is about; "" for all. */
  get kind() {
    return this.list === "queue" ? this.queueKind : "";
  }

  /** @param {string} name */
  showList(name) {
    this.list = name;
    this.emit("list");
  }

  /** @param {Int32Array} rows @param {string} unit the key of the units in the queue, "" for all @param {string} order its name */
  setQueue(rows, unit = "", order = "") {
    this.lists.queue = rows;
    this.queueUnit = unit;
    this.queueKind = kindOf(order);
    this.emit("queue");
    this.emit("list");
  }

  /** Time of the last write to the journal, as "12:03". @param {string|null} time */
  setSaved(time) {
    this.saved = time || "";
    this.emit("history");
  }

  /** @param {number} row */
  goTo(row) {
    if (row === this.row) return;
    this.row = row;
    if (this.unitPicked.row !== row) this.unitPicked = { row: -1, key: "" };
    this.revealed = -1;
    this.emit("cursor");
  }

  /** Move within the current list; from a row outside it, to its first row. @param {number} by */
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
   * @param {Change} change
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

  /** A copy of the state of rows. @param {Int32Array} rows */
  standing(rows) {
    const { labels, verdict, flags } = this;
    return {
      rows,
      labels: Int32Array.from(rows, (r) => labels[r]),
      verdict: Uint8Array.from(rows, (r) => verdict[r]),
      flags: Uint8Array.from(rows, (r) => flags[r]),
    };
  }

  /** An undoable step: the state `before` and the new state. @param {Standing} before @param {string} text */
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

  /**
   * Set a label that Python has not confirmed yet, and whether the example then differs from its given labels.
   * @param {number} row @param {number} label
   */
  expect(row, label) {
    this.labels[row] = label;
    this.flags[row] = label === this.given[row] ? this.flags[row] & ~BITS.edited : this.flags[row] | BITS.edited;
  }

  /** Whether the labels of an example differ from the given ones. @param {number} row */
  edited(row) {
    return Boolean(this.flags[row] & BITS.edited);
  }

  /** @param {number} row */
  flagged(row) {
    return Boolean(this.flags[row] & BITS.flagged);
  }

  /** @param {number} row */
  noted(row) {
    return Boolean(this.flags[row] & BITS.noted);
  }

  /**
   * Apply the state of rows and the number of changed examples from Python, which override those of the page.
   * @param {Standing} standing @param {number} changed
   */
  patch({ rows, labels, verdict, flags }, changed) {
    const news = rows.some(
      (row, i) => this.labels[row] !== labels[i] || this.verdict[row] !== verdict[i] || this.flags[row] !== flags[i],
    );
    if (news) this.write({ rows, labels, verdict, flags });
    if (changed === this.changed) return;
    this.changed = changed;
    this.emit("history");
  }

  /** @param {Standing} standing */
  write({ rows, labels, verdict, flags }) {
    for (let i = 0; i < rows.length; i++) {
      this.labels[rows[i]] = labels[i];
      this.verdict[rows[i]] = verdict[i];
      this.flags[rows[i]] = flags[i];
    }
    this.touched(rows);
  }

  /** @param {Int32Array} rows */
  touched(rows) {
    LIVE.forEach((name) => this.filter.forget(name));
    this.narrowed.clear();
    this.emit("labels", rows);
  }

  /** @param {number} code */
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

  /**
   * Shorten long class names in a text, so that the text after them fits into a line of `most` characters.
   * @param {string} text @param {number} most
   */
  shortenIn(text, most) {
    if (text.length <= most) return text;
    /** @type {[string, number][]} */
    const named = this.classes.map((name, code) => [name, code]);
    const found = named.filter(([name]) => name.length > 12 && text.includes(name));
    found.sort((a, b) => b[0].length - a[0].length);
    const room = Math.max(10, Math.floor((most - 30) / Math.max(1, Math.min(2, found.length))));
    return found.reduce((all, [name, code]) => all.replaceAll(name, this.shortName(code, room)), text);
  }

  /** Whether blind mode hides the evidence on this row, which it does until the row is judged. @param {number} row */
  hides(row) {
    return this.blind && this.meta.ordered !== false && row >= 0 && this.revealed !== row && !this.verdict[row];
  }
}

/** The four arrays of a patch from Python. @param {DataView<ArrayBuffer>[]} buffers */
export function patchOf(buffers) {
  return {
    rows: arrayOf(Int32Array, buffers[0]),
    labels: arrayOf(Int32Array, buffers[1]),
    verdict: arrayOf(Uint8Array, buffers[2]),
    flags: arrayOf(Uint8Array, buffers[3]),
  };
}
