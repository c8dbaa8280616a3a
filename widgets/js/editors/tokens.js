/**
 * The editor of classes of tokens: the text with the class of each word above it and suggested ones below. Tab moves
 * between suspicious tokens, digits and typed names set the class; in edit mode the arrows move by one token.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { clip, count } from "../base/format.js";
import { quiet } from "../examples/facts.js";
import { PassageEditor } from "../examples/passageeditor.js";
import { valueText } from "../examples/unitlist.js";
/** @import { UnitInfo } from "../state/messages.js" */
/** @import { Rail } from "../examples/passage.js" */

/** @type {Record<string, number>} */
const STEPS = { nextToken: 1, previousToken: -1 };
/** Maximum number of characters of a word in the line below the text. */
const LONGEST = 40;
/** Letters of a class for which a word is widened; longer names are cut. */
const MOST_LETTERS = 8;

/** The number of a token in the key of its unit. @param {UnitInfo} unit */
const numberOf = ({ key }) => Number(key.slice(1));

class TokensEditor extends PassageEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    super(options, "token");
    this.place.root.classList.add("lw-of-tokens");
  }

  /** The class of each token, and suggestions for undecided suspicious ones. */
  rails() {
    const { hides = false } = this.example ?? {},
      total = this.example?.passage?.begin.length ?? 0;
    /** @type {Rail[]} */
    const rails = [];
    /** @type {Map<string, { name: string, color: string }>} by value: few among thousands of tokens */
    const looks = new Map();
    /** @param {string} value */
    const lookOf = (value) => {
      const name = valueText(value),
        code = this.codes.get(name);
      const look = { name, color: code === undefined ? "var(--lw-accent)" : hex(this.space.color(code)) };
      looks.set(value, look);
      return look;
    };
    /** @param {UnitInfo} unit @param {string | null | undefined} value @param {boolean} hint */
    const add = (unit, value, hint) => {
      const first = numberOf(unit);
      if (!value || first >= total) return;
      rails.push({ key: unit.key, first, last: first + 1, ...(looks.get(value) ?? lookOf(value)), hint, focused: unit.key === this.focus });
    };
    for (const unit of this.units) {
      add(unit, unit.value, false);
      if (!hides && !unit.decided && (unit.doubted || unit.key === this.focus) && unit.suggested !== unit.value) add(unit, unit.suggested, true);
    }
    const letters = Math.max(0, ...new Set(rails.map(({ name }) => name.length)));
    this.place.root.style.setProperty("--lw-letters", String(Math.min(letters, MOST_LETTERS)));
    return rails;
  }

  headline() {
    const unit = this.current;
    if (!unit) return [quiet("no tokens")];
    const words = this.example?.passage ? this.textOf([numberOf(unit), numberOf(unit) + 1]) : "";
    return [h("span", { class: "lw-clip lw-strong", text: `“${clip(words, LONGEST)}”` }), h("span", { class: "lw-unit-value", text: valueText(unit.value) }), ...this.doubtOf(unit)];
  }

  /** @param {UnitInfo | undefined} unit @returns {[number, number] | null} */
  tokensIn(unit) {
    return unit ? [numberOf(unit), numberOf(unit) + 1] : null;
  }

  /** @param {number} token @param {boolean} _extend */
  pick(token, _extend) {
    if (this.units.some(({ key }) => key === `p${token}`)) this.focusOn(`p${token}`);
  }

  /** To the next or previous suspicious token; without any, to the next token. @param {number} by */
  step(by) {
    const at = this.units.findIndex((unit) => unit.key === this.focus),
      beyond = by > 0 ? this.units.slice(at + 1) : this.units.slice(0, Math.max(at, 0)).reverse();
    const next = this.example?.hides ? undefined : beyond.find((unit) => unit.doubted);
    if (next) this.focusOn(next.key);
    else if (this.example?.hides || !this.units.some((unit) => unit.doubted)) super.step(by);
  }

  /* ---- edit mode ---- */

  edit() {
    this.editing = true;
    this.passage.el.classList.add("lw-editing");
  }

  /** @param {string} action */
  act(action) {
    if (STEPS[action]) {
      super.step(STEPS[action]);
      this.edit();
    } else if (action === "everywhere") this.everywhere();
    else if (action === "choose") this.close();
    else return false;
    return true;
  }

  /** Give all equal words of the text the class of the token in focus, as one step. */
  everywhere() {
    const unit = this.current,
      value = unit && (unit.value || (this.example?.hides ? null : unit.suggested));
    if (!unit || !value) {
      this.say("no token with a class in focus", "warn");
      return;
    }
    const { words } = this.passage,
      word = words[numberOf(unit)];
    const verdicts = this.units.filter((one) => words[numberOf(one)] === word).map(({ key }) => ({ key, value }));
    this.leave();
    this.say(`${valueText(value)} at ${count(verdicts.length)} ${verdicts.length === 1 ? "place" : "places"}; one undo reverts it`);
    this.judge(verdicts, "key");
  }

  /** @param {string} name @param {string} how */
  label(name, how) {
    const unit = this.current;
    this.leave();
    if (unit) this.judge([{ key: unit.key, value: JSON.stringify(name) }], how);
    else this.say("no token in focus", "warn");
  }

  keep() {
    const unit = this.current;
    if (unit?.given) this.judge([{ key: unit.key, value: unit.given }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "tokens",
  nothing: false,
  units: true,
  edits: {
    choose: "choose the highlighted class, or leave the editor",
    nextMatch: "next matching class",
    previousMatch: "previous matching class",
    leave: "leave the editor",
    nextToken: "the next token",
    previousToken: "the previous token",
    everywhere: "repeat the class at all occurrences of the word",
  },
  make: (options) => new TokensEditor(options),
};
