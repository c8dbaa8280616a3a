/** Actions of keys and buttons: shown on the page at once, then written to the journal, then reported as saved. */
import { packMask } from "../base/bits.js";
import { clock, count } from "../base/format.js";
/** @import { Rows } from "../base/bits.js" */
/** @import { Change } from "../state/store.js" */

/** Selections up to this size are sent as row numbers, larger ones as a bit mask. */
const FEW = 500;

export class Actions {
  /** @param {{ store: import("../state/store.js").Store, wire: import("../state/wire.js").Wire, say: (text: string, kind?: string) => void }} options */
  constructor({ store, wire, say }) {
    this.store = store;
    this.wire = wire;
    this.say = say;
    /** @type {"undo" | "redo" | null} a step of an earlier session that waits for a second press */
    this.asked = null;
  }

  /** @param {number} code */
  name(code) {
    return this.store.shortName(code, 28);
  }

  /* ---- one example ---- */

  /** Label the current example with a class. @param {number} code */
  label(code, how = "key") {
    const { store } = this,
      { row } = store;
    if (row < 0) return;
    const was = store.labels[row];
    if (was === code && store.verdict[row]) {
      this.say(`already ${this.name(code)}`);
      this.advance(row);
      return;
    }
    this.relabel(
      Int32Array.of(row),
      Int32Array.of(code),
      code === store.given[row] ? `keep ${this.name(code)}` : `${this.name(was)} → ${this.name(code)}`,
      how,
    );
    this.advance(row);
  }

  /**
   * Set values of units of the current example as one undo step; `stands` is the resulting state of the example, and
   * `whole` whether it was confirmed as a whole.
   * @param {{ key: string, value: string }[]} verdicts @param {string} how
   * @param {{ changed: boolean, done: boolean, text: string, whole?: boolean }} stands
   */
  async units(verdicts, how, { changed, done, text, whole }) {
    const { store } = this,
      { row } = store;
    if (row < 0 || this.refused()) return false;
    this.asked = null;
    const given = store.given[row];
    store.apply({ rows: Int32Array.of(row), labels: Int32Array.of(changed ? 1 : given), verdict: done ? "relabel" : undefined, text });
    const step = store.past[store.past.length - 1];
    this.say(text);
    try {
      const units = verdicts.map(({ key, value }) => [row, key, value]);
      await this.send("decide", whole ? { op: "keep", how, whole, rows: [row], units } : { op: "relabel", how, units }, []);
      return true;
    } catch (error) {
      store.past = store.past.filter((one) => one !== step);
      if (/** @type {any} */ (error).lost) store.write(step.before);
      return false;
    }
  }

  keep() {
    const { store } = this,
      { row } = store;
    if (row < 0) return;
    const text = `keep ${this.name(store.given[row])}`;
    this.decide(
      { op: "keep", rows: Int32Array.of(row), labels: Int32Array.of(store.given[row]), verdict: "keep", text },
      { how: "key" },
    );
    this.advance(row);
  }

  skip() {
    const { store } = this,
      { row } = store;
    if (row < 0) return;
    this.decide({ op: "skip", rows: Int32Array.of(row), verdict: "skip", text: "skipped" }, { how: "key" });
    this.advance(row);
  }

  flag() {
    const { store } = this,
      { row } = store;
    if (row < 0) return;
    const on = !store.flagged(row);
    this.decide({ op: "flag", rows: Int32Array.of(row), flag: on, text: on ? "flagged" : "flag removed" });
  }

  /** @param {string} text */
  note(text) {
    const { row } = this.store;
    if (row < 0) return Promise.resolve();
    return this.decide(
      { op: "note", rows: Int32Array.of(row), note: Boolean(text), text: text ? "note written" : "note removed" },
      { note: text },
    );
  }

  /** Whether nothing can be saved; if so, the reason is shown. */
  refused() {
    const { locked } = this.store;
    if (locked) this.say(locked, "error");
    return Boolean(locked);
  }

  /** @param {number} row */
  advance(row) {
    const { store } = this;
    if (!store.locked && store.row === row && store.rows().includes(row)) store.goTo(store.nextOpen());
  }

  /** Add a class or tag to the label space as one undo step; returns its code, -1 on failure. @param {string} name */
  async addClass(name) {
    if (this.refused()) return -1;
    const { store } = this;
    this.asked = null;
    store.apply({ rows: new Int32Array(0), text: `“${name}” added` });
    const step = store.past[store.past.length - 1];
    try {
      const { body } = await this.send("add_class", { name }, []);
      return body.code ?? -1;
    } catch {
      store.past = store.past.filter((one) => one !== step);
      return -1;
    }
  }

  /* ---- the selection ---- */

  /** @param {number} code */
  labelSelection(code) {
    const { store } = this,
      rows = store.lists.selection;
    if (!rows.length) {
      this.say("nothing is selected: draw around points first", "warn");
      return;
    }
    this.relabel(
      rows,
      new Int32Array(rows.length).fill(code),
      `${count(rows.length)} examples → ${this.name(code)}`,
      "selection",
    );
  }

  /**
   * Rows of the selection whose suggestion differs from their label and is at least as likely as `least` (null: any).
   * @param {number|null} [least]
   */
  acceptable(least = null) {
    const { store } = this;
    return store.lists.selection.filter(
      (row) =>
        store.suggested[row] >= 0 &&
        store.suggested[row] !== store.labels[row] &&
        (least === null || store.pSuggested[row] >= least),
    );
  }

  /** @param {number|null} least */
  acceptSelection(least) {
    const { store } = this,
      rows = this.acceptable(least);
    if (!rows.length) {
      this.say("no suggestion in the selection is above this probability", "warn");
      return;
    }
    this.relabel(
      rows,
      rows.map((row) => store.suggested[row]),
      `${count(rows.length)} suggestions accepted`,
      "accept selection",
    );
  }

  /**
   * Accept suggestions for units as one undo step. `sure` is the number that was confirmed; Python rejects any other.
   * @param {import("../state/messages.js").AcceptRequest} body @param {ArrayBufferLike} mask of the examples
   */
  async acceptUnits(body, mask) {
    await this.ofMany(Int32Array.from(this.store.rows()), "accept", body, [mask], ({ count: n, examples }) => `${count(n)} suggestions accepted in ${count(examples)} examples`);
  }

  /**
   * Set one value of a unit in every example of `rows`, as one undo step.
   * @param {Int32Array} rows @param {string} key @param {string} value
   */
  async unitOfMany(rows, key, value) {
    const units = Array.from(rows, (row) => [row, key, value]);
    await this.ofMany(rows, "decide", { op: "relabel", how: "selection", units }, [], ({ count: n }) => `${value}, in ${count(n)} examples`);
  }

  /**
   * Send a decision whose effect on the examples only Python knows; it is shown when the answer arrives.
   * @param {Int32Array} rows @param {"decide" | "accept" | "form" | "replace"} kind @param {import("../state/messages.js").DecideRequest | import("../state/messages.js").AcceptRequest | import("../state/messages.js").FormRequest | import("../state/messages.js").ReplaceRequest} body @param {ArrayBufferLike[]} buffers @param {(answer: any) => string} inWords
   */
  async ofMany(rows, kind, body, buffers, inWords) {
    if (this.refused()) return;
    const { store } = this,
      before = store.standing(rows);
    try {
      const answer = await this.send(kind, body, buffers), // the answer contains the state of the examples
        text = inWords(answer.body);
      store.remember(before, text);
      this.say(text);
    } catch {
      /* `send` has shown it */
    }
  }

  /* ---- history ---- */

  undo() {
    return this.travel(false);
  }
  redo() {
    return this.travel(true);
  }

  /** @param {boolean} forward */
  async travel(forward) {
    if (this.refused()) return;
    const { store } = this,
      word = forward ? "redo" : "undo";
    const step = store.travel(forward);
    if (step) {
      this.say(`${forward ? "redone" : "undone"}: ${step.text}`);
      this.visit(step.rows);
    }
    try {
      const sure = Boolean(step) || this.asked === word;
      this.asked = null;
      const { body } = await this.send(word, { sure }, []);
      if (body.ask) {
        this.asked = word;
        this.say(`${word} ${count(body.ask)} decisions of an earlier session? Press the same key again to confirm`, "warn");
      } else if (!body.count && !step) this.say(`nothing to ${word}`);
      else if (!step) {
        this.say(`${forward ? "redone" : "undone"}: ${count(body.count)} ${body.count === 1 ? "example" : "examples"}`);
        this.visit(body.count === 1 ? [body.row] : []);
      }
    } catch {
      /* `send` has shown it and the answer contained the state in Python */
    }
  }

  /** Show the example of an undone step; for a batch, the first one that is open in the list. @param {Rows} rows */
  visit(rows) {
    if (!rows.length) return; // a class that was added
    const { store } = this,
      row = rows.length === 1 ? rows[0] : store.firstOpen();
    if (row >= 0) store.goTo(row);
  }

  /* ---- to the journal ---- */

  /** @param {Int32Array} rows @param {Int32Array} labels @param {string} text @param {string} how */
  relabel(rows, labels, text, how) {
    return this.decide({ op: "relabel", rows, labels, verdict: "relabel", text }, { how });
  }

  /** @param {Change & Pick<import("../state/messages.js").DecideRequest, "op">} change @param {Partial<import("../state/messages.js").DecideRequest>} [extra] */
  async decide(change, extra = {}) {
    if (this.refused()) return;
    this.asked = null;
    const { store } = this,
      { op, rows, labels, flag } = change;
    store.apply(change);
    const step = store.past[store.past.length - 1];
    this.say(change.text);
    const same = labels && labels.every((code) => code === labels[0]);
    const body = { op, flag, ...extra, label: same ? labels[0] : undefined };
    const buffers = same || !labels ? [] : [labels.buffer];
    try {
      await this.send("decide", body, buffers, rows);
    } catch (error) {
      store.past = store.past.filter((one) => one !== step);
      if (/** @type {any} */ (error).lost) store.write(step.before); // an answer would restore the state from Python,
      // but none will come
    }
  }

  /**
   * Send a request to Python; it counts as unsaved until answered.
   * @template {"decide" | "add_class" | "accept" | "form" | "replace" | "undo" | "redo"} K
   * @param {K} kind @param {import("../state/messages.js").Requests[K]} body @param {ArrayBufferLike[]} buffers @param {Int32Array} [rows]
   */
  async send(kind, body, buffers, rows) {
    const { store } = this;
    let asked = body;
    if (rows) {
      if (rows.length <= FEW) asked = { ...body, rows: Array.from(rows) };
      else {
        // a mask has row order; labels that differ by row must follow it
        const mask = new Uint8Array(store.n);
        for (const row of rows) mask[row] = 1;
        if (buffers.length) buffers = [inRowOrder(rows, new Int32Array(buffers[0])).buffer];
        buffers = [packMask(mask).buffer, ...buffers];
      }
    }
    store.pending++;
    store.emit("history");
    try {
      const answer = await this.wire.ask(kind, asked, buffers);
      store.saved = answer.body.time || clock();
      return answer;
    } catch (error) {
      this.say(`not saved: ${/** @type {Error} */ (error).message}`, "error");
      throw error;
    } finally {
      store.pending--;
      store.emit("history");
    }
  }
}

/** Sort `labels`, which belong to `rows`, by ascending row number. @param {Rows} rows @param {ArrayLike<number>} labels */
export function inRowOrder(rows, labels) {
  const order = Array.from(rows, (_, i) => i).sort((a, b) => rows[a] - rows[b]);
  return Int32Array.from(order, (i) => labels[i]);
}
