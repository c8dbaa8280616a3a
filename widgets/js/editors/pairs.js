/**
 * The editor of graded pairs: the items of a query as cards, best ranked first, with the given and the suggested grade.
 * Tab moves between cards, digits set the grade of the one in focus, and Enter shows all, the unjudged or the doubtful ones.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { decisionLine, factLine, quiet, STAYS } from "../examples/facts.js";
import { clip, count, probability } from "../base/format.js";
import { digitClasses } from "../base/keys.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { valueText } from "../examples/unitlist.js";
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @type {Record<number, string>} */
const VERDICTS = { 1: "changed", ...STAYS };
/** Which cards are shown, in the order in which Enter goes through them. */
const FILTERS = ["all", "unjudged", "doubtful"];
/** Maximum number of characters of an item's text on a card, and on the one in focus. */
const BRIEF = 160,
  LONG = 1200;

/** Parse a value. @param {string|null|undefined} value @returns {{ grade: string|null, item: string }|null} */
const parsed = (value) => (value ? JSON.parse(value) : null);
/** Format a value like Python, with sorted keys. @param {string} item @param {string|null} grade */
export const graded = (item, grade) => JSON.stringify({ grade, item });

class PairsEditor extends ManyUnitsEditor {
  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const list = h("div", { class: "lw-graded-list", role: "list", "aria-label": "items of the query", tabindex: "-1" }),
      shown = h("div", { class: "lw-choices lw-graded-filter", role: "group", "aria-label": "items shown" });
    super(options, shown, list);
    this.list = list;
    this.shown = shown;
    this.filter = FILTERS[0];
    /** @type {Map<string, string>} text of an item */
    this.texts = new Map();
    /** @type {UnitInfo[]} all units, whether shown or not */
    this.every = [];
    /** @type {Record<string, number>} grade of a digit key */
    this.digits = {};
    /** @type {Map<string|null, number>} */
    this.codes = new Map();
    this.frame = 0;
    this.place.root.classList.add("lw-many", "lw-of-pairs");
    this.grow();
  }

  /** The grades changed. */
  grow() {
    const { space } = this;
    this.digits = digitClasses(space.classes);
    this.codes = new Map(space.classes.map((name, code) => [name, code]));
    this.line.stand({
      name: "item",
      resting: "/ type a part of an item to find it",
      placeholder: "type a part of the id or text of an item",
      nothing: "no such item",
      find: (text) => this.found(text),
      title: (at) => this.itemOf(this.units[at]),
      node: (at) => [h("span", { class: "lw-clip", text: this.itemOf(this.units[at]) })],
      choose: (at) => this.focusOn(this.units[Number(at)]?.key ?? ""),
    });
  }

  /** Places of the items that contain a text. @param {string} text */
  found(text) {
    const wanted = text.toLowerCase(),
      has = (/** @type {UnitInfo} */ unit) => `${this.itemOf(unit)} ${this.texts.get(this.itemOf(unit)) ?? ""}`.toLowerCase().includes(wanted);
    return this.units.flatMap((unit, at) => (has(unit) ? [at] : [])).slice(0, 50);
  }

  /* ---- display ---- */

  /** @param {Example|null} example */
  show(example) {
    const other = example?.row !== this.example?.row,
      before = this.asked;
    super.show(example);
    this.texts = new Map((example?.items ?? []).map(({ item, text }) => [item, text]));
    this.every = [...(example?.units ?? [])].sort((a, b) => (b.standing ?? b.relevant ?? -Infinity) - (a.standing ?? a.relevant ?? -Infinity) || 0);
    this.sift();
    if (other || before !== this.asked || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  /** Apply the filter; a decided item stays until the next query, so that nothing moves under the reader. */
  sift() {
    const { filter, example } = this;
    this.units = this.every.filter((unit) => filter === "all" || unit.decided || (filter === "unjudged" ? unit.given === null : Boolean(unit.doubted) && !example?.hides));
  }

  get asked() {
    return this.every.filter((unit) => unit.asked).map((unit) => unit.key).join(" ");
  }

  /** @param {UnitInfo|undefined} unit */
  itemOf(unit) {
    return unit ? (unit.shape?.item ?? parsed(unit.value)?.item ?? parsed(unit.suggested)?.item ?? "") : "";
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides, pError }) {
    const doubted = this.every.filter((unit) => unit.doubted),
      unjudged = this.every.filter((unit) => unit.value === null || parsed(unit.value)?.grade === null),
      changed = this.every.filter((unit) => unit.changed);
    const said = [changed.length && `${count(changed.length)} changed`, VERDICTS[verdict] || "undecided"].filter(Boolean).join(" · ");
    return [
      factLine("items", h("span", { class: "lw-fact-value lw-num", text: `${count(this.every.length)}, ${count(unjudged.length)} unjudged` })),
      factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: count(doubted.length) })),
      factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: "p_error: probability that any grade of the query is wrong" }) : quiet("not judged")),
      decisionLine(said, { verdict, flagged }),
    ];
  }

  draw() {
    this.shown.replaceChildren(
      ...FILTERS.map((name) =>
        h("button", { type: "button", class: `lw-choice${name === this.filter ? " lw-is-label" : ""}`, "aria-pressed": String(name === this.filter), "data-name": name, title: "Enter shows the next of these", onclick: () => this.sieve(name) }, h("span", { class: "lw-clip", text: name })),
      ),
    );
    this.list.replaceChildren(...(this.units.length ? this.units.map((unit, i) => this.card(unit, i)) : [quiet(this.example ? `no ${this.filter === "all" ? "" : `${this.filter} `}items` : "")]));
  }

  /** @param {UnitInfo} unit @param {number} i */
  card(unit, i) {
    const hides = this.example?.hides,
      focused = unit.key === this.focus,
      item = this.itemOf(unit),
      text = this.texts.get(item),
      now = parsed(unit.value)?.grade ?? null,
      was = parsed(unit.given)?.grade ?? null;
    const hint = !hides && !unit.decided && unit.suggested && unit.suggested !== unit.value ? unit.suggested : null;
    const shown = hides ? "" : Number.isFinite(unit.p_error) ? `p ${probability(unit.p_error)}` : Number.isFinite(unit.relevant) ? `relevant ${probability(unit.relevant)}` : "";
    return h(
      "div",
      {
        class: `lw-graded${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}`,
        role: "listitem",
        "aria-current": String(focused),
        "data-key": unit.key,
        onclick: () => this.focusOn(unit.key),
      },
      h(
        "div",
        { class: "lw-graded-head" },
        h("span", { class: "lw-num lw-quiet", text: String(i + 1), title: "place by the standing among the rankers" }),
        h("span", { class: "lw-clip lw-strong", text: item, title: item }),
        h("span", { class: "lw-num lw-quiet", text: unit.changed ? `✎ was ${was ?? "unjudged"}` : shown, title: hides ? "" : unit.kind || "" }),
        this.chip(now),
        ...(hint ? [h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(hint)}`, title: `suggested: ${valueText(hint)}`, onclick: () => this.press(unit, hint) })] : []),
      ),
      ...(text === undefined ? [] : [h("p", { class: "lw-graded-text", dir: "auto", text: clip(text, focused ? LONG : BRIEF) })]),
    );
  }

  /** The grade as a chip in its colour. @param {string|null} grade */
  chip(grade) {
    const code = this.codes.get(grade),
      color = code === undefined ? "transparent" : hex(this.space.color(code));
    return h("span", { class: `lw-grade${grade === null ? " lw-quiet" : ""}`, style: { "border-color": color }, text: grade ?? "unjudged" });
  }

  /* ---- focus and filter ---- */

  /** @param {string} key */
  focusOn(key) {
    this.focus = key;
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  /** Scroll the card in focus into view with the next frame, moving only the list. */
  reveal() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      /** @type {HTMLElement | null} */
      const el = this.list.querySelector(".lw-focused");
      if (!el) return;
      const above = el.offsetTop - this.list.offsetTop,
        below = above + el.offsetHeight - this.list.clientHeight;
      if (above < this.list.scrollTop) this.list.scrollTop = above;
      else if (below > this.list.scrollTop) this.list.scrollTop = Math.min(above, below);
    });
  }

  /** @param {number} by */
  step(by) {
    if (!this.units.length) return;
    const at = this.units.findIndex((unit) => unit.key === this.focus);
    this.focusOn(this.units[at < 0 ? 0 : Math.max(0, Math.min(this.units.length - 1, at + by))].key);
  }

  /** Show other cards. @param {string} name */
  sieve(name) {
    this.filter = name;
    this.sift();
    if (!this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
    this.focusOn(this.focus);
    this.say(`${name} items: ${count(this.units.length)}`);
  }

  /** Enter shows the next kind of items; "/" finds one. @param {boolean} [typing] */
  open(typing) {
    if (typing) super.open();
    else this.sieve(FILTERS[(FILTERS.indexOf(this.filter) + 1) % FILTERS.length]);
  }

  /* ---- decisions ---- */

  /** @param {UnitInfo} unit @param {string} value */
  press(unit, value) {
    this.focus = unit.key;
    this.judge([{ key: unit.key, value }], "button");
  }

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const code = this.digits[digit],
      unit = this.current;
    if (selection) this.say("digits apply to one item here, not to a selection", "warn");
    else if (code === undefined) this.say(`no grade on key ${digit}`, "warn");
    else if (unit) this.judge([{ key: unit.key, value: graded(this.itemOf(unit), this.space.classes[code]) }], "key");
  }

  /** Take the grade of the item in focus back: it is unjudged. */
  unknown() {
    const unit = this.current;
    if (unit) this.judge([{ key: unit.key, value: graded(this.itemOf(unit), null) }], "key");
  }

  nothing() {
    this.unknown();
  }

  accept() {
    const unit = this.current;
    if (!unit?.suggested) this.say("there is no suggestion for this item", "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (unit && unit.given === null) this.say("the item is unjudged: press a digit to grade it", "warn");
    else if (unit) this.judge([{ key: unit.key, value: unit.given }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "pairs",
  nothing: true,
  units: true,
  edits: {
    choose: "go to the highlighted item, or save the note",
    nextMatch: "next matching item",
    previousMatch: "previous matching item",
    leave: "leave the box",
  },
  make: (options) => new PairsEditor(options),
};
