/** The editor of a single class per example: given and suggested class, a button and a key per class, and an input line. */
import { h } from "../base/dom.js";
import { decisionLine, factLine, meter, quiet, STAYS, tallFact } from "../examples/facts.js";
import { count, probability } from "../base/format.js";
import { digitClasses } from "../base/keys.js";
import { swatch } from "../maps/legend.js";
import { LineEditor } from "../base/lineeditor.js";
/** @import { Example, Thumb } from "../editors.js" */
/** @import { Typing } from "../base/typebox.js" */

/** Maximum number of class buttons beside the input line. */
const BUTTONS = 10;
/** Explanations of the probabilities. */
const WHOSE = {
  given: (/** @type {string} */ name, /** @type {number | null} */ epoch) => `p_given: probability of ${name} in epoch ${epoch} of the recorded training, which saw the given label`,
  suggested: (/** @type {string} */ name) => `p_suggested: the detector's probability that ${name} is the correct label`,
  wrong: "p_error: the detector's probability that the given label is wrong",
};

class ClassEditor extends LineEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const choices = h("div", { class: "lw-choices", role: "group", "aria-label": "classes" });
    super(options, choices);
    this.choices = choices;
    /** @type {Record<string, number>} class of a digit key */
    this.digits = {};
    /** @type {Record<number, string>} */
    this.keyOf = {};
    this.many = false;
    this.dark = false;
    this.grow();
  }

  /** The classes changed: update keys, buttons and the input line. */
  grow() {
    const { space, line } = this;
    this.digits = Object.fromEntries(Object.entries(digitClasses(space.classes)).filter(([, code]) => !space.gone(code)));
    this.keyOf = Object.fromEntries(Object.entries(this.digits).map(([digit, code]) => [code, digit]));
    this.many = space.classes.length > BUTTONS;
    line.stand(this.typing());
    this.buildChoices();
    if (this.example) this.mark(this.example);
  }

  /**
   * The behaviour of the input line.
   * @returns {Typing}
   */
  typing() {
    const { space, judge } = this;
    return {
      name: "class",
      resting: this.many ? `/ type one of ${count(space.classes.length)} classes` : "type a class",
      placeholder: "type a class",
      nothing: "no such class",
      find: space.matches,
      may: space.lacks,
      add: async (name) => {
        const code = await this.addClass(name);
        if (code >= 0) judge([{ key: "", value: code }], "typed");
      },
      title: (code) => space.classes[code],
      node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
      choose: (code) => judge([{ key: "", value: code }], "typed"),
    };
  }

  buildChoices() {
    this.dark = this.theme().dark;
    const { space } = this,
      codes = Object.values(this.digits).sort((a, b) => a - b);
    this.choices.replaceChildren(
      ...codes.map((code) =>
        h(
          "button",
          {
            type: "button",
            class: "lw-choice",
            "data-code": code,
            title: `${space.classes[code]} (key ${this.keyOf[code]})`,
            onclick: () => this.judge([{ key: "", value: code }], "button"),
          },
          h("kbd", { text: this.keyOf[code] }),
          swatch(space.color(code)),
          h("span", { class: "lw-clip", text: space.shortName(code, 17) }),
        ),
      ),
    );
    const longest = Math.max(0, ...codes.map((code) => space.classes[code].length));
    this.choices.style.setProperty("--lw-choice-columns", String(longest <= 2 ? 5 : longest > 9 || codes.length <= 4 ? 2 : 3));
    this.place.root.classList.toggle("lw-many", this.many);
  }

  /* ---- display ---- */

  /** Show the given, suggested and current class with their probabilities; null if there is no example. @param {Example|null} example */
  show(example) {
    super.show(example);
    if (this.dark !== this.theme().dark) this.buildChoices();
    for (const button of this.choices.querySelectorAll("button")) button.disabled = !example;
    if (!example) this.facts.replaceChildren();
    else this.facts.replaceChildren(this.given(example), ...this.doubts(example), this.decision(example));
    this.mark(example);
  }

  /** Mark the buttons of the current and the suggested class. @param {Example|null} example */
  mark(example) {
    for (const button of this.choices.querySelectorAll("button")) {
      const code = Number(button.dataset.code),
        is = code === example?.label;
      button.classList.toggle("lw-is-label", is);
      button.classList.toggle("lw-is-hint", Boolean(example && !example.hides && code === example.suggested && !is));
      button.setAttribute("aria-pressed", String(is));
    }
  }

  /** @param {Example} example */
  given({ given, hides, pGiven, epoch }) {
    if (pGiven === null || hides) return this.classFact("given", given);
    return this.classFact("given", given, `epoch ${epoch}: p ${probability(pGiven)}`, WHOSE.given(this.space.className(given), epoch));
  }

  /** The suggested class, and the probability that the given one is wrong. @param {Example} example */
  doubts({ suggested, hides, pError, pSuggested, doubted }) {
    if (!doubted) return [];
    if (hides) return [factLine("suggested", quiet("hidden")), factLine("wrong?", quiet("hidden"))];
    const says = { text: "detector: p ", title: WHOSE.wrong, label: "probability that the label is wrong" };
    return [
      suggested < 0
        ? factLine("suggested", quiet("nothing"))
        : this.classFact("suggested", suggested, `detector: p ${probability(pSuggested)}`, WHOSE.suggested(this.space.className(suggested))),
      factLine("wrong?", Number.isFinite(pError) ? meter(pError, says) : quiet("not judged")),
    ];
  }

  /** @param {Example} example */
  decision({ label, edited, verdict, flagged }) {
    const said = edited ? `now ${this.space.shortName(label, 22)}` : STAYS[verdict] || "undecided";
    return decisionLine(said, { verdict, flagged });
  }

  /** @param {string} name @param {number} code @param {string} [detail] @param {string} [title] */
  classFact(name, code, detail, title) {
    const { space } = this,
      value = h("span", { class: "lw-fact-value", title: space.className(code) });
    this.thumb(value, [{ value: code, most: 26 }]);
    return tallFact(name, value, { detail, title });
  }

  /** The class of an example on thumbnails: a colour and a name. @param {HTMLElement} el @param {Thumb[]} options */
  thumb(el, [{ value, most, before = "" }]) {
    const { space } = this;
    if (value >= 0) el.append(swatch(space.color(value)));
    el.append(h("span", { class: "lw-clip", text: before + space.shortName(value, most ?? Infinity) }));
  }

  /* ---- decisions ---- */

  /** A digit sets a class of the example or of the whole selection. @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const code = this.digits[digit];
    if (code === undefined) this.say(`no class on key ${digit}`, "warn");
    else this.judge([{ key: "", value: code }], selection ? "selection" : "key");
  }

  accept() {
    if (!this.example) return;
    const { suggested } = this.example;
    if (suggested < 0) this.say("there is no suggestion for this example", "warn");
    else this.judge([{ key: "", value: suggested }], "accept");
  }

  keep() {
    if (this.example) this.judge([{ key: "", value: this.example.given }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "multiclass",
  nothing: false,
  units: false,
  edits: {
    choose: "choose the highlighted class, or save the note",
    nextMatch: "next matching class",
    previousMatch: "previous matching class",
    leave: "leave the box",
  },
  make: (options) => new ClassEditor(options),
};
