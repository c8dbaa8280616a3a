/**
 * The editor of spans: the text with given spans above and suggested ones below its words. Tab moves between spans,
 * digits and typed names set the class, brackets move the boundaries in edit mode; tokens selected by dragging or with
 * the arrows become a new span.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { clip, count } from "../base/format.js";
import { quiet } from "../examples/facts.js";
import { equalForms, placeOf, tokensOf } from "../examples/passage.js";
import { PassageEditor } from "../examples/passageeditor.js";
import { freshKey, valueText } from "../examples/unitlist.js";
/** @import { UnitInfo } from "../state/messages.js" */

/** @typedef {{ start: number, end: number, label: string }} Span what a value says */
/** @typedef {{ start: number, end: number }} Borders */

/** @type {Record<string, [number, number]>} */
const EDGES = { shrinkEnd: [0, -1], growEnd: [0, 1], growStart: [-1, 0], shrinkStart: [1, 0] };
/** @type {Record<string, [number, boolean]>} */
const MARKING = { nextToken: [1, false], previousToken: [-1, false], growToken: [1, true], shrinkToken: [-1, true] };
/** Maximum number of characters of a span in the line below the text. */
const LONGEST = 40;

/** Parse a value; null for no span. @param {string|null|undefined} value @returns {Span|null} */
const parsed = (value) => (value ? JSON.parse(value) : null);
/**
 * Format a value like Python, with sorted keys.
 * @param {{ start: number, end: number }} place @param {string|undefined} label
 */
export const written = (place, label) => JSON.stringify({ end: place.end, label, start: place.start });

class SpansEditor extends PassageEditor {
  /** @type {Borders | null} borders that were moved and are not saved */
  draft = null;
  /** @type {number | null} where a new span began */
  anchor = null;
  /** @type {[number, number] | null} the selected tokens, as in the base: an array is a pair only where it is declared */
  marked = null;

  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    super(options, "span");
  }

  /* ---- display ---- */

  /** Spans in the order of the text. @param {UnitInfo[]} units */
  inTurn(units) {
    /** @param {UnitInfo} unit */
    const start = (unit) => (unit.shape || parsed(unit.value) || parsed(unit.suggested))?.start ?? 0;
    return [...units].sort((a, b) => start(a) - start(b));
  }

  /**
   * The position to show: of a draft, or of the current, given or suggested span.
   * @param {UnitInfo|undefined} unit @returns {Span|null}
   */
  placeNow(unit) {
    return unit && (parsed(unit.value) || unit.shape || parsed(unit.suggested));
  }

  /** The rails to draw: all current spans, and suggestions for undecided doubtful ones. */
  rails() {
    /** @type {import("../examples/passage.js").Rail[]} */
    const rails = [];
    const { passage = null, hides = false } = this.example ?? {};
    /** @param {UnitInfo} unit @param {Span|null} value @param {boolean} hint */
    const add = (unit, value, hint) => {
      const tokens = value && passage && tokensOf(passage, value);
      if (!tokens) return;
      const code = this.codes.get(value.label);
      const color = code === undefined ? "var(--lw-accent)" : hex(this.space.color(code));
      rails.push({ key: unit.key, first: tokens[0], last: tokens[1], name: value.label, color, hint, focused: unit.key === this.focus });
    };
    for (const unit of this.units) {
      const draft = unit.key === this.focus && this.draft ? { ...this.draft, label: this.labelOf(unit) ?? "" } : null;
      add(unit, draft || parsed(unit.value), false);
      if (!hides && !unit.decided && (unit.doubted || unit.key === this.focus) && unit.suggested && unit.suggested !== unit.value) add(unit, parsed(unit.suggested), true);
    }
    return rails;
  }

  /** @param {UnitInfo} unit */
  labelOf(unit) {
    return (parsed(unit.value) || parsed(unit.given) || parsed(unit.suggested))?.label;
  }

  /** A line about the span in focus: its words, current value and suggestion. */
  headline() {
    const unit = this.current,
      { passage = null } = this.example ?? {};
    if (this.marked && passage) return [h("span", { class: "lw-clip", text: `“${this.textOf(this.marked)}”` }), h("span", { class: "lw-quiet", text: "press a digit or / to name the new span" })];
    if (!unit) return [quiet(this.units.length ? "" : "no spans: drag over words, or press Enter and use the arrows")];
    const place = this.draft || this.placeNow(unit),
      tokens = place && passage && tokensOf(passage, place);
    /** @type {HTMLElement[]} */
    const parts = [...(tokens ? [h("span", { class: "lw-clip lw-strong", text: `“${clip(this.textOf(tokens), LONGEST)}”` })] : []), h("span", { class: "lw-unit-value", text: valueText(unit.value) })];
    const same = parsed(unit.suggested),
      moved = same && passage && tokens && tokensOf(passage, same)?.join() !== tokens.join();
    return [...parts, ...this.doubtOf(unit, moved ? " with other boundaries" : "")];
  }

  /** @param {UnitInfo | undefined} unit */
  tokensIn(unit) {
    const passage = this.example?.passage,
      place = this.placeNow(unit);
    return passage && place && tokensOf(passage, place);
  }

  /* ---- focus ---- */

  /**
   * A press on a token focuses its span; with Shift or by dragging, it starts a new one.
   * @param {number} token @param {boolean} extend
   */
  pick(token, extend) {
    const passage = this.example?.passage;
    if (!passage) return;
    if (extend) {
      this.anchor ??= token;
      this.marked = [Math.min(this.anchor, token), Math.max(this.anchor, token) + 1];
      this.draft = null;
      this.draw();
      return;
    }
    this.anchor = token;
    const here = this.units.filter((unit) => {
      const place = this.placeNow(unit),
        tokens = place && tokensOf(passage, place);
      return tokens && token >= tokens[0] && token < tokens[1];
    });
    const at = here.findIndex((unit) => unit.key === this.focus);
    if (here.length) this.focusOn(here[(at + 1) % here.length].key);
    else {
      this.marked = [token, token + 1];
      this.draft = null;
      this.draw();
    }
    this.anchor = token;
  }

  /* ---- edit mode ---- */

  /** Edit the boundaries of the span in focus, or select tokens for a new one. */
  edit() {
    if (!this.example?.passage?.begin.length) {
      this.say("spans cannot be edited without the text", "warn");
      return;
    }
    this.editing = true;
    if (!this.current && !this.marked) this.mark(0, false);
    this.draw();
  }

  leave() {
    this.editing = false;
    this.draft = this.marked = this.anchor = null;
  }

  /** @param {string} action */
  act(action) {
    if (EDGES[action]) this.move(...EDGES[action]);
    else if (MARKING[action]) this.mark(...MARKING[action]);
    else if (action === "remove") this.nothing();
    else if (action === "everywhere") this.everywhere();
    else if (action === "choose") this.commit();
    else return false;
    return true;
  }

  /** Move the boundaries of the span in focus, or of the selected tokens. @param {number} start @param {number} end */
  move(start, end) {
    const passage = this.example?.passage,
      place = this.draft || this.placeNow(this.current),
      now = this.marked || (passage && place && tokensOf(passage, place));
    if (!now || !passage) return;
    const first = Math.max(0, now[0] + start),
      last = Math.min(passage.begin.length, now[1] + end);
    if (first >= last) return;
    if (this.marked) this.marked = [first, last];
    else this.draft = placeOf(passage, first, last);
    this.draw();
    this.passage.reveal(end ? last - 1 : first);
  }

  /** Select the next token, or extend the selection. @param {number} by @param {boolean} extend */
  mark(by, extend) {
    const passage = this.example?.passage;
    if (!passage) return;
    const most = passage.begin.length,
      place = this.placeNow(this.current),
      from = this.marked || (place && tokensOf(passage, place)) || [0, 1];
    /** @type {[number, number]} */
    let marked = [from[0], Math.max(from[0] + 1, Math.min(most, from[1] + by))];
    if (!extend) {
      const at = this.marked || !place ? Math.max(0, Math.min(most - 1, (by > 0 ? from[1] - 1 : from[0]) + by)) : by > 0 ? Math.min(most - 1, from[1]) : Math.max(0, from[0] - 1);
      marked = [at, at + 1];
    }
    this.marked = marked;
    this.draft = null;
    this.draw();
    this.passage.reveal(by > 0 ? marked[1] - 1 : marked[0]);
  }

  /** Save the moved boundaries. */
  commit() {
    const unit = this.current,
      { draft } = this;
    if (unit && draft) {
      const label = this.labelOf(unit);
      this.leave();
      this.judge([{ key: unit.key, value: written(draft, label) }], "key");
    } else this.close();
  }

  /** Repeat the span in focus at all occurrences of its words, as one step. */
  everywhere() {
    const { passage = null, hides = false } = this.example ?? {},
      unit = this.current,
      value = unit && (parsed(unit.value) || (hides ? null : parsed(unit.suggested))),
      tokens = value && passage && tokensOf(passage, value);
    if (!tokens || !passage) {
      this.say("no span in focus", "warn");
      return;
    }
    const verdicts = equalForms(this.passage.words, tokens[0], tokens[1]).map(([first, last]) => {
      const place = placeOf(passage, first, last);
      const there = this.units.find((one) => {
        const own = this.placeNow(one);
        return own && own.start === place.start && own.end === place.end;
      });
      return { key: there?.key ?? freshKey(), value: written(place, value.label) };
    });
    this.leave();
    this.say(`${value.label} at ${count(verdicts.length)} ${verdicts.length === 1 ? "place" : "places"}; one undo reverts it`);
    this.judge(verdicts, "key");
  }

  /* ---- decisions ---- */

  /** Set the class of the selected tokens or of the span in focus. @param {string} name @param {string} how */
  label(name, how) {
    const unit = this.current,
      passage = this.example?.passage;
    if (this.marked && passage) {
      const key = freshKey(),
        value = written(placeOf(passage, this.marked[0], this.marked[1]), name);
      this.leave();
      this.focus = key;
      this.judge([{ key, value }], how);
      return;
    }
    const place = unit && (this.draft || this.placeNow(unit));
    if (!place) this.say("no span in focus: drag over words", "warn");
    else {
      this.leave();
      this.judge([{ key: unit.key, value: written(place, name) }], how);
    }
  }

  /** No span here. */
  nothing() {
    const unit = this.current;
    if (!unit) return;
    this.leave();
    this.judge([{ key: unit.key, value: "null" }], "key");
  }

}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "spans",
  nothing: true,
  units: true,
  edits: {
    choose: "save the boundaries, choose the highlighted class, or save the note",
    nextMatch: "next matching class",
    previousMatch: "previous matching class",
    leave: "leave the editor without saving the boundaries",
    shrinkEnd: "move the end one token to the left",
    growEnd: "move the end one token to the right",
    growStart: "move the start one token to the left",
    shrinkStart: "move the start one token to the right",
    nextToken: "select the next token; a digit makes it a span",
    previousToken: "select the previous token",
    growToken: "extend the selection by one token",
    shrinkToken: "shrink the selection by one token",
    remove: "no span here",
    everywhere: "repeat the span at all occurrences of its words",
  },
  make: (options) => new SpansEditor(options),
};
