/**
 * The editor of candidate sets, one of whose classes should be the true one: candidates as chips with digit keys.
 * Choosing a chip or typing any class sets the true class; the candidate in focus can be removed from the set.
 */
import { h } from "../base/dom.js";
import { decisionLine, factLine, meter, quiet, STAYS, tallFact } from "../examples/facts.js";
import { count, probability } from "../base/format.js";
import { swatch } from "../maps/legend.js";
import { LineEditor } from "../base/lineeditor.js";
import { valueText } from "../examples/unitlist.js";
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** Number of chips with a digit key. */
const DIGITS = 10;
const WRONG = "p_error: probability that the true class is none of the candidates";

/** The class names in a stored value; none if there is no label. @param {string|null|undefined} value @returns {string[]} */
const namesOf = (value) => (value ? JSON.parse(value) : []);

class CandidatesEditor extends LineEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const chips = h("div", { class: "lw-choices", role: "listbox", "aria-label": "candidates" });
    super(options, chips);
    /** @type {UnitInfo | null} */
    this.unit = null;
    /** @type {string[]} */
    this.names = [];
    this.focus = 0;
    /** @type {Map<string, number>} */
    this.codes = new Map();
    this.chips = chips;
    this.place.root.classList.add("lw-many");
    this.grow();
  }

  /** The classes changed. */
  grow() {
    const { space } = this;
    this.codes = new Map(space.classes.map((name, code) => [name, code]));
    this.line.stand({
      name: "class",
      resting: `/ type one of ${count(space.classes.length)} classes`,
      placeholder: "type the true class",
      nothing: "no such class",
      find: space.matches,
      may: space.lacks,
      add: async (name) => {
        if ((await this.addClass(name)) >= 0) this.choose(name, "typed");
      },
      title: (code) => space.classes[code],
      node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
      choose: (code) => this.choose(space.classes[Number(code)], "typed"),
    });
  }

  /** Set the true class. @param {string} name @param {string} how */
  choose(name, how) {
    if (this.unit) this.judge([{ key: this.unit.key, value: JSON.stringify([name]) }], how);
  }

  /* ---- display ---- */

  /** @param {Example|null} example */
  show(example) {
    if (example?.row !== this.example?.row) this.focus = 0;
    super.show(example);
    this.unit = example?.units?.[0] ?? null;
    const given = namesOf(this.unit?.given);
    this.names = [...given, ...namesOf(this.unit?.value).filter((name) => !given.includes(name))];
    this.focus = Math.min(this.focus, Math.max(this.names.length - 1, 0));
    this.facts.replaceChildren(...(example && this.unit ? this.describe(example, this.unit) : []));
    this.chips.replaceChildren(...this.names.map((name, i) => this.chip(name, i)));
    this.chips.style.setProperty("--lw-choice-columns", this.names.some((name) => name.length > 9) ? "2" : "3");
    this.explain(this.unit);
  }

  /** @param {Example} example @param {UnitInfo} unit */
  describe({ verdict, flagged, hides }, { given, value, suggested, p_error, p_suggested }) {
    const says = { text: "p ", title: WRONG, label: "probability that the true class is none of them" };
    const now = value !== given ? valueText(value) : STAYS[verdict] || "undecided";
    /** @param {string} name */
    const hidden = (name) => factLine(name, quiet("hidden"));
    return [
      factLine("candidates", given ? h("span", { class: "lw-fact-value lw-num", text: count(namesOf(given).length) }) : quiet("none given")),
      hides
        ? hidden("suggested")
        : suggested
          ? tallFact("suggested", this.named(namesOf(suggested)[0]), { detail: `p ${probability(p_suggested)}` })
          : factLine("suggested", quiet("nothing")),
      hides ? hidden("none of them?") : factLine("none of them?", Number.isFinite(p_error) ? meter(p_error, says) : quiet("not judged")),
      decisionLine(now, { verdict, flagged }),
    ];
  }

  /** The colour of a class by its name. @param {string} name */
  color(name) {
    return this.space.color(this.codes.get(name) ?? -1);
  }

  /** @param {string} name */
  named(name) {
    return h("span", { class: "lw-fact-value", title: name }, swatch(this.color(name)), h("span", { class: "lw-clip", text: name }));
  }

  /** A candidate, struck out if it was removed from the set. @param {string} name @param {number} i */
  chip(name, i) {
    const { unit, example } = this,
      now = namesOf(unit?.value),
      is = now.length === 1 && now[0] === name,
      hint = !example?.hides && !is && namesOf(unit?.suggested)[0] === name;
    const marks = `${is ? " lw-is-label" : hint ? " lw-is-hint" : ""}${now.includes(name) ? "" : " lw-out"}${i === this.focus ? " lw-focused" : ""}`;
    return h(
      "button",
      {
        type: "button",
        role: "option",
        class: `lw-choice${marks}`,
        "aria-selected": String(is),
        "data-name": name,
        title: now.includes(name) ? `${name} is the true class` : `${name}: removed from the set`,
        onclick: () => this.choose(name, "button"),
      },
      h("kbd", { text: i < DIGITS ? String((i + 1) % 10) : "" }),
      swatch(this.color(name)),
      h("span", { class: "lw-clip", text: name }),
    );
  }

  /* ---- decisions ---- */

  /** @param {number} by */
  step(by) {
    if (!this.names.length) return;
    this.focus = (this.focus + by + this.names.length) % this.names.length;
    for (const [i, el] of [...this.chips.children].entries()) el.classList.toggle("lw-focused", i === this.focus);
    this.chips.children[this.focus].scrollIntoView?.({ block: "nearest" });
  }

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const name = this.names[(Number(digit) + 9) % 10];
    if (selection) this.say("digits apply to one example here, not to a selection", "warn");
    else if (name === undefined) this.say(`no candidate on key ${digit}`, "warn");
    else this.choose(name, "key");
  }

  /** Remove the candidate in focus from the set. */
  nothing() {
    const name = this.names[this.focus],
      left = namesOf(this.unit?.value).filter((one) => one !== name);
    if (!this.unit || !name) return;
    if (!left.length) this.say("a set keeps at least one candidate: type the true class instead", "warn");
    else this.judge([{ key: this.unit.key, value: JSON.stringify(left) }], "key");
  }

  accept() {
    if (!this.unit?.suggested) this.say("there is no suggestion for this example", "warn");
    else this.judge([{ key: this.unit.key, value: this.unit.suggested }], "accept");
  }

  keep() {
    if (!this.unit?.given) this.say("there is no label to keep", "warn");
    else this.judge([{ key: this.unit.key, value: this.unit.given }], "keep");
  }

  confirmAll() {
    if (!this.unit?.given || this.unit.decided) return false;
    this.keep();
    return true;
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "candidates",
  nothing: true,
  units: true,
  edits: {
    choose: "choose the highlighted class, or save the note",
    nextMatch: "next matching class",
    previousMatch: "previous matching class",
    leave: "leave the box",
  },
  make: (options) => new CandidatesEditor(options),
};
