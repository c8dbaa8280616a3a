/** Base of the editors whose edit mode is the input line: layout, options, and entering and leaving edit mode. */
import { h } from "./dom.js";
/** @import { Example, Thumb } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

export class LineEditor {
  /** @type {Example | null} */
  example = null;

  /**
   * @param {import("../editors.js").EditorOptions} options
   * @param {...HTMLElement} tools the controls for decisions, below the facts
   */
  constructor({ place, line, space, judge, say, theme, explain, addClass }, ...tools) {
    this.place = place;
    this.line = line;
    this.space = space;
    this.judge = judge;
    this.say = say;
    this.theme = theme;
    this.explain = explain;
    this.addClass = addClass;
    this.facts = h("div", { class: "lw-labels" });
    this.tools = tools;
    place.facts.append(this.facts);
    place.tools.append(...tools);
  }

  /** @param {Example | null} example */
  show(example) {
    this.example = example;
  }

  /** A thumbnail caption: whether anything was changed. @param {HTMLElement} el @param {Thumb[]} units */
  thumb(el, [{ value }]) {
    el.append(h("span", { class: "lw-clip", text: value === 1 ? "changed" : value < 0 ? "unlabelled" : "" }));
  }

  /** Pass keys of edit mode to the input line. @param {KeyboardEvent} _event */
  key(_event) {
    return false;
  }

  open() {
    if (this.line.standing) this.line.open(this.line.standing);
  }

  close() {
    this.line.close();
  }

  destroy() {
    this.facts.remove();
    for (const tool of this.tools) tool.remove();
  }
}

/** An editor of examples with several units, one of which is in focus; a subclass has `focusOn(key)` and `asked`. */
export class ManyUnitsEditor extends LineEditor {
  /** @type {UnitInfo[]} */
  units = [];
  focus = "";

  get current() {
    return this.units.find((unit) => unit.key === this.focus);
  }

  /** Units that the current audit drew, in words; empty outside an audit. */
  get asked() {
    return "";
  }

  /** @param {string} _key */
  focusOn(_key) {}

  /**
   * The first unit to decide: one drawn by an audit, the unit of a queue by unit, one of the kind of error of the queue, or
   * a suspicious one; in blind mode, which hides suspicions, the first undecided one.
   */
  nextOpen() {
    if (this.asked) return this.units.find((unit) => !unit.decided && unit.asked);
    const wanted = this.units.find((unit) => !unit.decided && unit.key === this.example?.unit);
    const open = this.units.filter((unit) => !unit.decided && (unit.doubted || this.example?.hides)),
      { kind = "", hides } = this.example ?? {};
    return wanted || (kind && !hides && open.find((unit) => this.ofKind(unit, kind))) || open[0];
  }

  /** Whether a unit is in the queue of a kind of error. @param {UnitInfo} unit @param {string} kind */
  ofKind(unit, kind) {
    return unit.kind === kind;
  }

  /** After a decision, focus the next open suspicious unit; false if there is none. */
  advance() {
    const next = this.nextOpen();
    if (next) this.focusOn(next.key);
    return Boolean(next) || this.example?.whole === false; // what is missing is still to be judged
  }

  /**
   * Confirm all open suspicious units as given; if there are none, all open ones. An audit of whole examples confirms all
   * open ones, and that nothing else is missing.
   */
  confirmAll() {
    if (this.example?.whole === false) {
      this.judge(this.units.filter((unit) => !unit.decided && unit.given !== null).map(({ key, given }) => ({ key, value: given })), "confirm", true);
      return true;
    }
    const open = this.units.filter((unit) => !unit.decided && unit.given !== null),
      doubted = this.example?.hides ? [] : open.filter((unit) => unit.doubted);
    const those = doubted.length ? doubted : open;
    if (those.length) this.judge(those.map((unit) => ({ key: unit.key, value: unit.given })), "confirm");
    return those.length > 0;
  }
}
