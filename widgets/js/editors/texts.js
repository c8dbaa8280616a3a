/**
 * The editor of texts: the current text above its alternatives, whose differing words are marked. Digits choose an
 * alternative, Enter opens the text for editing, Escape discards the edit; earlier versions are listed below.
 */
import { h } from "../base/dom.js";
import { probability } from "../base/format.js";
import { actionOf } from "../base/keys.js";
import { ManyUnitsEditor } from "../base/lineeditor.js";
import { compared } from "../examples/comparedtext.js";
import { decisionLine, factLine, meter, quiet, STAYS } from "../examples/facts.js";
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** Number of alternatives with a digit key. */
const KEYS = 9;
const SAYS = { text: "p ", title: "p_error: probability that the text is wrong", label: "probability that the text is wrong" };

/** The text of a stored value; null for none. @param {string|null|undefined} value @returns {string|null} */
const textOf = (value) => (value === null || value === undefined ? null : JSON.parse(value));

class TextsEditor extends ManyUnitsEditor {
  editing = false;
  draft = "";

  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const list = h("div", { class: "lw-texts", role: "list", "aria-label": "texts of the example" });
    super(options, list);
    this.keymap = options.keymap;
    this.list = list;
    this.box = h("textarea", {
      class: "lw-text-box",
      dir: "auto",
      rows: 4,
      "aria-label": "text; Enter saves it, Shift+Enter starts a new line, Escape discards the changes",
      onkeydown: (event) => this.typed(event),
    });
    this.place.root.classList.add("lw-many", "lw-of-texts");
    this.line.stand({ name: "text", resting: "Enter edits the text", placeholder: "type the whole text, Enter saves it", choose: (text) => this.save(String(text)) });
  }

  /** Names of the units drawn by an audit; "" if the queue is not an audit. */
  get asked() {
    return this.units.filter((unit) => unit.asked).map((unit) => unit.name || "text").join(", ");
  }

  /* ---- display ---- */

  /** @param {Example|null} example */
  show(example) {
    const other = example?.row !== this.example?.row;
    super.show(example);
    if (this.editing && !other) return; // what is typed stays
    this.units = example?.units ?? [];
    if (other || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
    this.draw();
  }

  draw() {
    const { example, current } = this;
    this.facts.replaceChildren(...(example ? this.describe(example) : []));
    this.list.replaceChildren(...this.units.map((unit) => this.card(unit)));
    this.explain(current);
  }

  /** @param {Example} example */
  describe({ verdict, flagged, hides }) {
    const unit = this.current;
    const now = unit?.changed ? "changed" : STAYS[verdict] || "undecided";
    return [
      factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(unit?.p_error) ? meter(unit?.p_error, SAYS) : quiet("not judged")),
      ...(unit?.kind && !hides && unit.doubted ? [factLine("kind", h("span", { class: "lw-fact-value", text: unit.kind }))] : []),
      decisionLine(now, { verdict, flagged }),
    ];
  }

  /** @param {UnitInfo} unit */
  card(unit) {
    const now = textOf(unit.value),
      given = textOf(unit.given),
      focused = unit.key === this.focus;
    const doubt = !this.example?.hides && this.units.length > 1 && Number.isFinite(unit.p_error) ? `p ${probability(unit.p_error)}` : "";
    return h(
      "div",
      { class: `lw-text-unit${focused ? " lw-focused" : ""}${unit.doubted && !this.example?.hides ? " lw-doubted" : ""}`, role: "listitem", "data-key": unit.key, onclick: () => focused || this.focusOn(unit.key) },
      h("div", { class: "lw-row" }, h("span", { class: "lw-quiet lw-clip", text: unit.name || "text" }), h("span", { class: "lw-space" }), h("span", { class: "lw-num lw-quiet", text: doubt })),
      this.editing && focused
        ? this.box
        : h("div", { class: "lw-text-now", title: "Enter edits it", ondblclick: () => this.open() }, now === null ? quiet("no text") : unit.changed ? compared(now, given) : compared(now, null)),
      ...(focused ? [...this.others(unit).map((text, i) => this.choice(text, i, now)), this.history(unit)] : []),
    );
  }

  /** The alternatives of a text: the suggested one first, then the others, and the given text if it was changed. @param {UnitInfo} unit */
  others(unit) {
    const hint = this.example?.hides ? null : textOf(unit.suggested);
    const all = [hint, ...(unit.alternatives ?? []).map(textOf), unit.changed ? textOf(unit.given) : null];
    return [...new Set(all.filter((text) => text !== null && text !== textOf(unit.value)))];
  }

  /** @param {string|null} text @param {number} i @param {string|null} now */
  choice(text, i, now) {
    const hint = !this.example?.hides && text === textOf(this.current?.suggested);
    return h(
      "button",
      { type: "button", class: `lw-text-choice${hint ? " lw-is-hint" : ""}`, "data-text": text ?? "", title: hint ? "suggested" : "alternative", onclick: () => this.save(text, "button") },
      h("kbd", { text: i < KEYS ? String(i + 1) : "" }),
      compared(text ?? "", now),
    );
  }

  /** Earlier versions with their authors. @param {UnitInfo} unit */
  history(unit) {
    const { versions = [] } = unit;
    if (versions.length < 2) return "";
    return h(
      "details",
      { class: "lw-text-versions" },
      h("summary", { text: `${versions.length} versions` }),
      ...versions.map(({ value, author, time }) =>
        h("div", { class: "lw-text-version" }, h("span", { class: "lw-quiet", text: author ? `${author} ${time.slice(0, 16).replace("T", " ")}` : "given" }), compared(textOf(value) ?? "", null)),
      ),
    );
  }

  /** @param {string} key */
  focusOn(key) {
    this.close();
    this.focus = key;
    this.draw();
  }

  /** @param {number} by */
  step(by) {
    const at = this.units.findIndex((unit) => unit.key === this.focus);
    if (this.units.length > 1) this.focusOn(this.units[(at + by + this.units.length) % this.units.length].key);
  }

  /* ---- decisions ---- */

  /** @param {string|null} text */
  save(text, how = "typed") {
    const unit = this.current;
    if (unit && text !== null) this.judge([{ key: unit.key, value: JSON.stringify(text) }], how);
  }

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    const text = this.current && this.others(this.current)[Number(digit) - 1];
    if (selection) this.say("digits apply to one example here, not to a selection", "warn");
    else if (text === undefined) this.say(`no alternative on key ${digit}`, "warn");
    else this.save(text, "key");
  }

  accept() {
    const unit = this.current;
    if (!unit?.suggested) this.say("there is no alternative that is suggested", "warn");
    else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
  }

  keep() {
    const unit = this.current;
    if (!unit?.given) this.say("no text was given", "warn");
    else this.judge([{ key: unit.key, value: unit.given }], "keep");
  }

  /* ---- editing ---- */

  open() {
    if (!this.current || this.editing) return;
    this.editing = true;
    this.draft = textOf(this.current.value) ?? "";
    this.box.value = this.draft;
    this.draw();
    this.box.focus({ preventScroll: true });
    this.box.setSelectionRange(this.draft.length, this.draft.length);
  }

  /** Leave the box; what was typed is discarded. */
  close() {
    super.close();
    if (!this.editing) return;
    this.editing = false;
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (event.isComposing || event.shiftKey || actionOf(event, this.keymap)?.action !== "choose") return;
    event.preventDefault();
    const text = this.box.value;
    this.close();
    /** @type {HTMLElement | null} */
    const view = this.place.root.closest(".lw");
    view?.focus({ preventScroll: true });
    if (text === this.draft) this.keepOrSame();
    else this.save(text);
  }

  /** Enter without a change confirms the text as it is. */
  keepOrSame() {
    const unit = this.current;
    if (unit?.value) this.judge([{ key: unit.key, value: unit.value }], "keep");
  }
}

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "texts",
  nothing: false,
  units: true,
  edits: {
    choose: "save the text (Shift+Enter starts a new line)",
    leave: "discard the changes",
  },
  make: (options) => new TextsEditor(options),
};
