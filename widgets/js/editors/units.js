/**
 * The editor of examples with several units: one line per unit (a tag, a column) with its given value, its probability of
 * being wrong, and its answers as buttons. It is the default for kinds of labels without an editor of their own.
 */
import { h } from "../base/dom.js";
import { decisionLine, factLine, meter, quiet, STAYS } from "../examples/facts.js";
import { clip, count, probability } from "../base/format.js";
import { digitClasses, matchingClasses } from "../base/keys.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { inOrder, KeptLines, valueText } from "../examples/unitlist.js";
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */
/** @import { Typing } from "../base/typebox.js" */

/** Maximum number of answers for which each line has a button per answer and a digit key; with more, digits are answers. */
const FEW = 3;
/** Maximum length of a name; it is shortened in the middle, since names often share their start. */
const LONGEST = 36;
/** @type {Record<string, string>} */
const MARKS = { yes: "✓", no: "–", unknown: "?" };
/** @type {Record<number, string>} */
const VERDICTS = { 1: "changed", ...STAYS };

/**
 * Increase or decrease a number given as text by about 1 %; by ten times as much with Shift, a tenth with Alt.
 * @param {string} text @param {boolean} up @param {{ shiftKey: boolean, altKey: boolean }} event
 */
export function nudge(text, up, { shiftKey, altKey }) {
  const value = Number(text);
  if (!text.trim() || !Number.isFinite(value)) return text;
  const power = (value ? Math.floor(Math.log10(Math.abs(value))) - 2 : 0) + (shiftKey ? 1 : altKey ? -1 : 0),
    moved = value + (up ? 1 : -1) * 10 ** power;
  return String(Number(moved.toFixed(Math.max(0, Math.min(20, -power, 20)))));
}

class UnitsEditor extends ManyUnitsEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const list = h("div", { class: "lw-units", role: "list", "aria-label": "labels of the example", tabindex: "-1" });
    super(options, list);
    this.list = list;
    this.lines = new KeptLines(list);
    const { space } = this;
    this.few = space.choices.length > 0 && space.choices.length <= FEW;
    this.digits = this.few || !space.choices.length ? {} : digitClasses(space.choices.map(valueText));
    this.place.root.classList.add("lw-many");
    this.grow();
  }

  /** The tags changed. */
  grow() {
    this.line.stand(this.typing());
  }

  /**
   * The behaviour of the input line: set a tag to yes, choose an answer, or enter a value.
   * @returns {Typing}
   */
  typing() {
    const { space } = this;
    const naming = space.choices.includes("yes") && space.classes.length > 0,
      names = naming ? space.classes : space.choices.map(valueText);
    const common = { name: naming ? "tag" : "value", resting: naming ? `/ type one of ${count(names.length)} tags` : "/ type a value", nothing: "no match" };
    if (!names.length) return { ...common, placeholder: "type a value, Enter saves it", nudge, choose: (text) => this.typed(String(text)) };
    return {
      ...common,
      stays: naming,
      placeholder: naming ? "type a tag that applies" : "type an answer",
      find: (text) => (naming ? space.matches(text) : matchingClasses(names, text)),
      may: (name) => naming && space.lacks(name),
      add: async (name) => {
        const code = await this.addClass(name);
        if (code >= 0) this.apply(code);
      },
      title: (code) => names[code],
      node: (code) => [h("span", { class: "lw-clip", text: names[code] })],
      choose: (code) => (naming ? this.apply(Number(code)) : this.say1(space.choices[Number(code)], "typed")),
    };
  }

  /** Set a typed tag to yes. @param {number} code */
  apply(code) {
    const name = this.space.classes[code],
      unit = this.units.find((one) => one.name === name);
    this.focus = unit?.key ?? `p${code}`; // a tag that is not listed is addressed by its number
    this.judge([{ key: this.focus, value: "yes" }], "typed");
  }

  /** @param {string} text */
  typed(text) {
    if (!text) this.say("type a value first", "warn");
    else this.say1(text, "typed");
  }

  /** Set this value of the unit in focus. @param {string} value @param {string} how */
  say1(value, how) {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value }], how);
  }

  /* ---- display ---- */

  /** @param {Example|null} example */
  show(example) {
    const before = this.asked;
    let other = example?.row !== this.example?.row;
    super.show(example);
    this.units = example?.units ? inOrder(example.units, example.hides) : [];
    other ||= this.asked !== before;
    if (other || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.drawLines();
    this.explain(this.current);
    this.lines.reveal();
  }

  drawLines() {
    const { example } = this;
    this.lines.draw(
      this.units,
      (unit, i) => JSON.stringify([i, example?.row, example?.hides, unit.key === this.focus, { ...unit, reasons: null, curve: null }]),
      (unit, i) => this.lineOf(unit, i),
    );
  }

  /** Names of the units drawn by an audit; "" if the queue is not an audit. */
  get asked() {
    return this.units.filter((unit) => unit.asked).map((unit) => unit.name || "label").join(", ");
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides, pError, audited }) {
    const doubted = this.units.filter((unit) => unit.doubted),
      open = doubted.filter((unit) => !unit.decided),
      changed = this.units.filter((unit) => unit.changed);
    const said = [changed.length && `${count(changed.length)} changed`, VERDICTS[verdict] || "undecided"].filter(Boolean).join(" · ");
    const drawn = [this.asked, this.asked && audited && `(${audited})`].filter(Boolean).join(" ");
    if (this.units.length === 1) {
      const says = { text: "p ", title: "p_error: probability that the label is wrong", label: "probability that the label is wrong" };
      return [
        factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? meter(pError, says) : quiet("not judged")),
        decisionLine(said, { verdict, flagged }),
      ];
    }
    return [
      ...(drawn ? [factLine(audited ? "drawn" : "asked", h("span", { class: "lw-fact-value" }, h("span", { class: "lw-clip", text: drawn, title: drawn })))] : []),
      factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: `${count(doubted.length)} of ${count(this.units.length)}${doubted.length ? `, ${count(open.length)} open` : ""}` })),
      factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: "p_error: probability that any label of the example is wrong" }) : quiet("not judged")),
      decisionLine(said, { verdict, flagged }),
    ];
  }

  /** @param {UnitInfo} unit @param {number} i */
  lineOf(unit, i) {
    const hides = this.example?.hides,
      focused = unit.key === this.focus;
    const doubt = hides ? "" : unit.p_error === null || unit.p_error === undefined ? "" : `p ${probability(unit.p_error)}`;
    const title = [unit.name, `given: ${valueText(unit.given)}`, !hides && unit.kind && `${unit.kind}, p(wrong) ${probability(unit.p_error)}`].filter(Boolean).join("\n");
    return h(
      "div",
      {
        class: `lw-unit${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}`,
        role: "listitem",
        "aria-current": String(focused),
        "data-key": unit.key,
        title,
        onclick: () => this.focusOn(unit.key),
      },
      h("kbd", { class: "lw-quiet", text: this.few && i < 10 ? String((i + 1) % 10) : "" }),
      h("span", { class: "lw-unit-name", text: clip(unit.name || "label", LONGEST) }),
      h("span", { class: "lw-num lw-quiet", text: unit.changed ? "✎" : doubt }),
      ...this.answers(unit),
    );
  }

  /** The answers of a line: buttons if there are few, otherwise the current and the suggested value. @param {UnitInfo} unit */
  answers(unit) {
    const hides = this.example?.hides,
      hint = !hides && unit.doubted && !unit.decided ? unit.suggested : null;
    if (!this.few) {
      const now = valueText(unit.value);
      const suggested = hint !== null && hint !== undefined && hint !== unit.value;
      return [
        h("span", { class: "lw-clip lw-unit-value", text: now, title: now }),
        ...(suggested ? [h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(hint)}`, title: `suggested: ${valueText(hint)}`, onclick: () => this.press(unit, hint) })] : []),
      ];
    }
    return this.space.choices.map((value) => {
      const is = value === unit.value;
      return h("button", {
        type: "button",
        class: `lw-answer${is ? " lw-is-label" : value === hint && !is ? " lw-is-hint" : ""}`,
        "aria-pressed": String(is),
        "aria-label": `${unit.name}: ${valueText(value)}`,
        title: valueText(value),
        text: MARKS[value] || valueText(value),
        onclick: () => this.press(unit, value),
      });
    });
  }

  /** @param {UnitInfo} unit @param {string} value */
  press(unit, value) {
    this.focus = unit.key;
    this.judge([{ key: unit.key, value }], "button");
  }

  /* ---- decisions ---- */

  /** @param {string} key */
  focusOn(key) {
    this.focus = key;
    for (const el of this.list.querySelectorAll("div")) {
      const is = el.dataset.key === key;
      el.classList.toggle("lw-focused", is);
      el.setAttribute("aria-current", String(is));
    }
    this.explain(this.current);
    this.lines.reveal();
  }

  /** Move to the next or previous unit of the example. @param {number} by */
  step(by) {
    if (!this.units.length) return;
    const at = this.units.findIndex((unit) => unit.key === this.focus);
    this.focusOn(this.units[Math.max(0, Math.min(this.units.length - 1, at + by))].key);
  }

  /**
   * A digit toggles a line between yes and no, or sets an answer of the line in focus.
   * @param {string} digit @param {boolean} selection
   */
  digit(digit, selection) {
    const unit = this.units[(Number(digit) + 9) % 10];
    if (selection && this.few && unit) this.judge([{ key: unit.key, value: "yes" }], "selection");
    else if (selection) this.say("Shift + digit applies the tag of that row to the whole selection", "warn");
    else if (!this.space.choices.length) this.line.open({ ...this.typing(), value: digit });
    else if (this.few) {
      const other = unit && this.space.choices.find((value) => value !== unit.value && value !== "unknown");
      if (unit && other !== undefined) this.press(unit, other);
      else this.say(`no label on key ${digit}`, "warn");
    } else if (this.digits[digit] !== undefined) this.say1(this.space.choices[this.digits[digit]], "key");
    else this.say(`no answer on key ${digit}`, "warn");
  }

  /** Set the unit in focus to "no" or "nothing here". */
  nothing() {
    const value = this.space.choices.includes("no") ? "no" : this.space.choices.includes("null") ? "null" : null;
    if (value === null) this.say("“nothing” is not an answer here", "warn");
    else this.say1(value, "key");
  }

  unknown() {
    if (this.space.choices.includes("unknown")) this.say1("unknown", "key");
    else this.say("“unknown” is not an answer here", "warn");
  }

  open() {
    this.line.open({ ...this.typing(), value: this.space.choices.length ? "" : valueText(this.current?.value ?? "") });
  }

  accept() {
    const unit = this.current;
    if (!unit) return;
    if (unit.suggested === null || unit.suggested === undefined) this.say("there is no suggestion for this label", "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value: unit.given }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "units",
  nothing: true,
  units: true,
  edits: {
    choose: "choose the highlighted answer, or save the value or note",
    nextMatch: "next match; lower a number by one step (⇧ ten steps, Alt a tenth)",
    previousMatch: "previous match; raise a number by one step",
    leave: "leave the box",
  },
  make: (options) => new UnitsEditor(options),
};
