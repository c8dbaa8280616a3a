/**
 * The editor of preferences: two answers to a prompt side by side, in an order that is random and kept. Digits say which
 * one is better: 1 the first shown, 2 the second shown, 0 a tie, 3 neither.
 */
import { h } from "../base/dom.js";
import { decisionLine, factLine, meter, quiet, STAYS } from "../examples/facts.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { wordDiff } from "../base/worddiff.js";
import { valueText } from "../examples/unitlist.js";
/** @import { Example } from "../editors.js" */

/** Answers that are neither of the two texts, by their key. */
const OTHERS = /** @type {const} */ ([
  ["0", "tie", "both are equally good"],
  ["3", "neither", "both are too poor to be used"],
]);
/** The two answers, if the run has no texts. */
const WITHOUT = [
  { item: "first", text: "" },
  { item: "second", text: "" },
];
/** Words that differ are marked if the answers share at least this part of their characters. */
const ALIKE = 0.4;
const SAYS = { text: "p ", title: "p_error: probability that the given answer is not the better one", label: "probability that the label is wrong" };

/** The text of an answer, with the words that the other one lacks marked. @param {string} text @param {string} other */
export function markedAnswer(text, other) {
  const parts = wordDiff(other, text).filter((part) => part.kind !== "removed"),
    same = parts.reduce((sum, part) => sum + (part.kind === "same" ? part.text.length : 0), 0);
  const marks = same >= ALIKE * Math.min(text.length, other.length);
  return h("span", { class: "lw-text-words", dir: "auto" }, ...parts.map((part) => (marks && part.kind === "added" ? h("ins", { text: part.text }) : document.createTextNode(part.text))));
}

class PreferencesEditor extends ManyUnitsEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const answers = h("div", { class: "lw-answers", role: "group", "aria-label": "answers" });
    super(options, answers);
    this.answers = answers;
    this.shown = WITHOUT;
    this.place.root.classList.add("lw-many", "lw-of-preferences");
    this.line.stand({ name: "answer", resting: "1 and 2 choose an answer, 0 a tie", placeholder: "first, second, tie or neither", choose: (text) => this.typed(String(text)) });
  }

  /** @param {Example|null} example */
  show(example) {
    super.show(example);
    this.units = example?.units ?? [];
    this.focus = this.units[0]?.key ?? "";
    this.shown = example?.items?.length === 2 ? example.items : WITHOUT;
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.answers.replaceChildren(...(example ? [...this.shown.map((_, place) => this.card(place)), h("div", { class: "lw-answers-others" }, ...OTHERS.map(([digit, value, title]) => this.button(digit, value, title)))] : []));
    this.explain(this.current);
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides }) {
    const unit = this.current,
      said = unit?.changed ? "changed" : STAYS[verdict] || "undecided";
    return [
      factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(unit?.p_error) ? meter(unit?.p_error, SAYS) : quiet("not judged")),
      ...(unit?.kind && unit.doubted && !hides ? [factLine("kind", h("span", { class: "lw-fact-value", text: unit.kind }))] : []),
      decisionLine(said, { verdict, flagged }),
    ];
  }

  /** What is known of an answer: whether it is the current label, and the suggested one. @param {string} value */
  standing(value) {
    const unit = this.current,
      is = value === valueText(unit?.value),
      hint = !this.example?.hides && Boolean(unit?.doubted) && !unit?.decided && !is && value === valueText(unit?.suggested);
    return { is, hint, state: `${is ? " lw-is-label" : ""}${hint ? " lw-is-hint" : ""}`, said: [is && "label", hint && "suggested"].filter(Boolean).join(", ") };
  }

  /** @param {number} place */
  card(place) {
    const { item, text } = this.shown[place],
      other = this.shown[1 - place].text,
      digit = String(place + 1),
      { is, state, said } = this.standing(item);
    return h(
      "button",
      { type: "button", class: `lw-answer-card${state}`, "data-value": item, "aria-pressed": String(is), title: `better: answer ${digit}`, onclick: () => this.say1(item, "button") },
      h("span", { class: "lw-row" }, h("kbd", { text: digit }), h("span", { class: "lw-quiet", text: this.example?.hides ? "" : item }), h("span", { class: "lw-space" }), h("span", { class: "lw-quiet", text: said })),
      text ? markedAnswer(text, other) : h("span", { class: "lw-quiet", text: text === "" && this.shown !== WITHOUT ? "an empty answer" : `${item} answer` }),
    );
  }

  /** @param {string} digit @param {string} value @param {string} title */
  button(digit, value, title) {
    const { is, state } = this.standing(value);
    return h("button", { type: "button", class: `lw-choice${state}`, "data-value": value, "aria-pressed": String(is), title, onclick: () => this.say1(value, "button") }, h("kbd", { text: digit }), h("span", { class: "lw-clip", text: value }));
  }

  /* ---- decisions ---- */

  /** @param {string} value name of an answer @param {string} how */
  say1(value, how) {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value: JSON.stringify(value) }], how);
  }

  /** @param {string} text */
  typed(text) {
    if (this.space.choices.includes(JSON.stringify(text))) this.say1(text, "typed");
    else this.say("type first, second, tie or neither", "warn");
  }

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const other = OTHERS.find(([key]) => key === digit)?.[1],
      value = other ?? this.shown[Number(digit) - 1]?.item;
    if (selection) this.say("digits apply to one pair here, since each has its own order", "warn");
    else if (value === undefined) this.say(`no answer on key ${digit}`, "warn");
    else this.say1(value, "key");
  }

  accept() {
    const unit = this.current;
    if (!unit?.suggested) this.say("there is no suggestion for this pair", "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (!unit?.given) this.say("no answer was given", "warn");
    else this.judge([{ key: unit.key, value: unit.given }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "preferences",
  nothing: false,
  units: true,
  edits: {
    choose: "save the typed answer",
    leave: "leave the box",
  },
  make: (options) => new PreferencesEditor(options),
};
