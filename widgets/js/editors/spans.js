/**
 * The editor of spans: the text with given spans above and suggested ones below its words. Tab moves between spans,
 * digits and typed names set the class, brackets move the boundaries in edit mode; tokens selected by dragging or with
 * the arrows become a new span.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { decisionLine, factLine, quiet, STAYS } from "../examples/facts.js";
import { clip, count, probability } from "../base/format.js";
import { actionOf, digitClasses } from "../base/keys.js";
import { swatch } from "../maps/legend.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { equalForms, PassageView, placeOf, tokensOf } from "../examples/passage.js";
import { valueText } from "../examples/unitlist.js";
/** @import { Example, Thumb } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @typedef {{ start: number, end: number, label: string }} Span what a value says */
/** @typedef {{ start: number, end: number }} Borders */

/** @type {Record<number, string>} */
const VERDICTS = { 1: "changed", ...STAYS };
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

/** Create a key for a span added by the user. */
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `a${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

class SpansEditor extends ManyUnitsEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const passage = new PassageView({ pick: (token, extend) => this.pick(token, extend) }),
      head = h("div", { class: "lw-span-line" });
    super(options, passage.el, head);
    this.passage = passage;
    this.head = head;
    this.keymap = options.keymap;
    /** @type {Borders | null} borders that were moved and are not saved */
    this.draft = null;
    this.editing = false;
    /** @type {number | null} where a new span began */
    this.anchor = null;
    /** @type {Record<string, number>} class of a digit key */
    this.digits = {};
    /** @type {Map<string, number>} */
    this.codes = new Map();
    /** @type {[number, number] | null} */
    this.marked = null;
    this.place.root.classList.add("lw-many", "lw-of-spans");
    this.grow();
  }

  /** The classes changed. */
  grow() {
    const { space } = this;
    this.digits = digitClasses(space.classes);
    this.codes = new Map(space.classes.map((name, code) => [name, code]));
    this.line.stand({
      name: "class",
      resting: `/ type one of ${count(space.classes.length)} classes`,
      placeholder: "type the class of the span",
      nothing: "no such class",
      find: space.matches,
      may: space.lacks,
      add: async (name) => {
        if ((await this.addClass(name)) >= 0) this.label(name, "typed");
      },
      title: (code) => space.classes[code],
      node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
      choose: (code) => this.label(space.classes[Number(code)], "typed"),
    });
  }

  /* ---- display ---- */

  /** @param {Example|null} example */
  show(example) {
    const other = example?.row !== this.example?.row,
      before = this.asked;
    super.show(example);
    this.units = example?.units ? this.inTurn(example.units) : [];
    if (other) this.leave();
    if (other || before !== this.asked || (!this.current && !this.marked)) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  /** Spans in the order of the text. @param {UnitInfo[]} units */
  inTurn(units) {
    /** @param {UnitInfo} unit */
    const start = (unit) => (unit.shape || parsed(unit.value) || parsed(unit.suggested))?.start ?? 0;
    return [...units].sort((a, b) => start(a) - start(b));
  }

  get asked() {
    return this.units.filter((unit) => unit.asked).map((unit) => unit.key).join(" ");
  }

  /**
   * The position to show: of a draft, or of the current, given or suggested span.
   * @param {UnitInfo|undefined} unit @returns {Span|null}
   */
  placeNow(unit) {
    return unit && (parsed(unit.value) || unit.shape || parsed(unit.suggested));
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides, pError }) {
    const doubted = this.units.filter((unit) => unit.doubted),
      open = doubted.filter((unit) => !unit.decided),
      changed = this.units.filter((unit) => unit.changed);
    const said = [changed.length && `${count(changed.length)} changed`, VERDICTS[verdict] || "undecided"].filter(Boolean).join(" · ");
    const few = `${count(doubted.length)} of ${count(this.units.length)}${doubted.length ? `, ${count(open.length)} open` : ""}`;
    return [
      factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: few })),
      factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: "p_error: probability that any span of the example is wrong, or one is missing" }) : quiet("not judged")),
      decisionLine(said, { verdict, flagged }),
    ];
  }

  draw() {
    const { example } = this;
    this.passage.show(example?.passage ?? null, example?.passage ? this.rails() : [], this.marked || null);
    this.head.replaceChildren(...(example ? this.headline() : []));
    this.passage.el.classList.toggle("lw-editing", this.editing);
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
      { hides = false, passage = null } = this.example ?? {};
    if (this.marked && passage) return [h("span", { class: "lw-clip", text: `“${this.textOf(this.marked)}”` }), h("span", { class: "lw-quiet", text: "press a digit or / to name the new span" })];
    if (!unit) return [quiet(this.units.length ? "" : "no spans: drag over words, or press Enter and use the arrows")];
    const place = this.draft || this.placeNow(unit),
      tokens = place && passage && tokensOf(passage, place);
    /** @type {HTMLElement[]} */
    const parts = [...(tokens ? [h("span", { class: "lw-clip lw-strong", text: `“${clip(this.textOf(tokens), LONGEST)}”` })] : []), h("span", { class: "lw-unit-value", text: valueText(unit.value) })];
    if (!hides && unit.suggested && unit.suggested !== unit.value && !unit.decided) {
      const same = parsed(unit.suggested),
        moved = same && passage && tokens && tokensOf(passage, same)?.join() !== tokens.join();
      const text = `→ ${valueText(unit.suggested)}${moved ? " with other boundaries" : ""}`;
      parts.push(h("button", { type: "button", class: "lw-answer lw-is-hint", text, title: unit.kind || "", onclick: () => this.accept() }));
    }
    if (!hides && Number.isFinite(unit.p_error)) parts.push(h("span", { class: "lw-num lw-quiet", text: `p ${probability(unit.p_error)}`, title: "p_error" }));
    return parts;
  }

  /** @param {[number, number]} options */
  textOf([first, last]) {
    return this.passage.words.slice(first, last).join(" ");
  }

  /* ---- focus ---- */

  /** @param {string} key */
  focusOn(key) {
    this.focus = key;
    this.leave();
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  reveal() {
    const passage = this.example?.passage,
      place = this.placeNow(this.current);
    const tokens = this.marked || (passage && place && tokensOf(passage, place));
    if (tokens) this.passage.reveal(tokens[0]);
  }

  /** @param {number} by */
  step(by) {
    if (!this.units.length) return;
    const at = this.units.findIndex((unit) => unit.key === this.focus);
    this.focusOn(this.units[at < 0 ? 0 : Math.max(0, Math.min(this.units.length - 1, at + by))].key);
  }

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

  /** Enter edits the boundaries of the span in focus or selects tokens for a new one; "/" sets a class. @param {boolean} [typing] */
  open(typing) {
    if (typing) {
      if (this.line.standing) this.line.open(this.line.standing);
      return;
    }
    if (!this.example?.passage?.begin.length) {
      this.say("spans cannot be edited without the text", "warn");
      return;
    }
    this.editing = true;
    if (!this.current && !this.marked) this.mark(0, false);
    this.draw();
  }

  close() {
    this.line.close();
    if (this.editing || this.draft || this.marked) {
      this.leave();
      this.draw();
    }
  }

  leave() {
    this.editing = false;
    this.draft = this.marked = this.anchor = null;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const meant = actionOf(event, { ...this.keymap, label: ["digit"], type: ["/"] });
    if (!meant) return false;
    const { action, digit } = meant;
    if (digit !== undefined) this.digit(digit, false);
    else if (action === "type") this.open(true);
    else if (EDGES[action]) this.move(...EDGES[action]);
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

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const code = this.digits[digit];
    if (selection) this.say("digits apply to one span here, not to a selection", "warn");
    else if (code === undefined) this.say(`no class on key ${digit}`, "warn");
    else this.label(this.space.classes[code], "key");
  }

  /** No span here. */
  nothing() {
    const unit = this.current;
    if (!unit) return;
    this.leave();
    this.judge([{ key: unit.key, value: "null" }], "key");
  }

  accept() {
    const unit = this.current;
    if (!unit) return;
    if (unit.suggested === null || unit.suggested === undefined) this.say("there is no suggestion for this span", "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value: unit.given ?? "null" }], "keep");
  }

  destroy() {
    super.destroy();
    this.passage.destroy();
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
