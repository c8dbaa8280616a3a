/**
 * Base of the editors of objects (spans, tokens, boxes, points, regions): facts about the example, a line about the object
 * in focus, its class by digit or by name, edit mode, and decisions.
 */
import { h } from "../base/dom.js";
import { count, probability } from "../base/format.js";
import { actionOf, digitClasses } from "../base/keys.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { swatch } from "../maps/legend.js";
import { decisionLine, factLine, quiet, STAYS } from "./facts.js";
import { isOfKind, valueText } from "./unitlist.js";
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @type {Record<number, string>} */
const SAID = { 1: "changed", ...STAYS };

/** A subclass has `draw`, `headline`, `label`, `edit`, `act` and `leave`. */
export class ObjectEditor extends ManyUnitsEditor {
  editing = false;
  /** @type {Record<string, number>} class of a digit key */
  digits = {};
  /** @type {Map<string, number>} */
  codes = new Map();

  /**
   * @param {import("../editors.js").EditorOptions} options
   * @param {string} one name of a unit
   * @param {...HTMLElement} tools as in `LineEditor`
   */
  constructor(options, one, ...tools) {
    super(options, ...tools);
    this.one = one;
    this.keymap = options.keymap;
    this.place.root.classList.add("lw-many");
    this.grow();
  }

  /** A line about the unit in focus. @returns {HTMLElement[]} */
  headline() {
    return [];
  }

  draw() {}

  /** Scroll the unit in focus into view. */
  reveal() {}

  /** Set the class of the unit in focus. @param {string} _name @param {string} _how */
  label(_name, _how) {}

  /** Whether something new is marked that has no unit yet. */
  get isNew() {
    return false;
  }

  /** Start edit mode. */
  edit() {}

  /** An action of edit mode; returns whether it is known. @param {string} _action */
  act(_action) {
    return false;
  }

  /** Leave edit mode. */
  leave() {
    this.editing = false;
  }

  /** The units in the order of Tab. @param {UnitInfo[]} units */
  inTurn(units) {
    return units;
  }

  /** The classes changed. */
  grow() {
    const { space } = this;
    this.digits = digitClasses(space.classes);
    this.codes = new Map(space.classes.map((name, code) => [name, code]));
    this.line.stand({
      name: "class",
      resting: `/ type one of ${count(space.classes.length)} classes`,
      placeholder: `type the class of the ${this.one}`,
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
      before = this.asked,
      turned = other || example?.kind !== this.example?.kind;
    super.show(example);
    this.units = example?.units ? this.inTurn(example.units) : [];
    if (other) this.leave();
    if (turned || before !== this.asked || (!this.current && !this.isNew))
      this.focus = (this.units.find(({ key }) => key === this.example?.picked) || this.nextOpen() || this.units[0])?.key ?? "";
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  /** @param {UnitInfo} unit @param {string} kind */
  ofKind(unit, kind) {
    return isOfKind(unit, kind);
  }

  get asked() {
    return this.units.filter((unit) => unit.asked).map((unit) => unit.key).join(" ");
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides, pError }) {
    const doubted = this.units.filter((unit) => unit.doubted),
      open = doubted.filter((unit) => !unit.decided),
      changed = this.units.filter((unit) => unit.changed);
    const said = [changed.length && `${count(changed.length)} changed`, SAID[verdict] || "undecided"].filter(Boolean).join(" · ");
    const few = `${count(doubted.length)} of ${count(this.units.length)}${doubted.length ? `, ${count(open.length)} open` : ""}`;
    return [
      factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: few })),
      factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: `p_error: probability that any ${this.one} of the example is wrong, or one is missing` }) : quiet("not judged")),
      decisionLine(said, { verdict, flagged }),
    ];
  }

  /** The suggestion as a button, and the probability of an error. @param {UnitInfo} unit @param {string} [more] */
  doubtOf(unit, more = "") {
    if (this.example?.hides) return [];
    /** @type {HTMLElement[]} */
    const parts = [];
    if (unit.suggested && unit.suggested !== unit.value && !unit.decided)
      parts.push(h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(unit.suggested)}${more}`, title: [unit.kind, valueText(unit.suggested)].filter(Boolean).join(" → "), onclick: () => this.accept() }));
    if (Number.isFinite(unit.p_error)) parts.push(h("span", { class: "lw-num lw-quiet", text: `p ${probability(unit.p_error)}`, title: "p_error" }));
    return parts;
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

  /** @param {number} by */
  step(by) {
    if (!this.units.length) return;
    const at = this.units.findIndex((unit) => unit.key === this.focus);
    this.focusOn(this.units[at < 0 ? 0 : Math.max(0, Math.min(this.units.length - 1, at + by))].key);
  }

  /* ---- edit mode ---- */

  /** Enter starts edit mode; "/" sets a class. @param {boolean} [typing] */
  open(typing) {
    if (!typing) this.edit();
    else if (this.line.standing) this.line.open(this.line.standing);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const meant = actionOf(event, { ...this.keymap, label: ["digit"], type: ["/"] });
    if (!meant) return false;
    if (meant.digit !== undefined) this.digit(meant.digit, false);
    else if (meant.action === "type") this.open(true);
    else return this.act(meant.action);
    return true;
  }

  close() {
    this.line.close();
    if (this.editing || this.isNew) {
      this.leave();
      this.draw();
    }
  }

  /* ---- decisions ---- */

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const code = this.digits[digit];
    if (selection) this.say(`digits apply to one ${this.one} here, not to a selection`, "warn");
    else if (code === undefined) this.say(`no class on key ${digit}`, "warn");
    else this.label(this.space.classes[code], "key");
  }

  accept() {
    const unit = this.current;
    if (!unit) return;
    if (unit.suggested === null || unit.suggested === undefined) this.say(`there is no suggestion for this ${this.one}`, "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value: unit.given ?? "null" }], "keep");
  }
}
