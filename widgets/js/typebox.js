/** The line in which one types the name of a class or a note. */
import { h } from "./dom.js";
import { actionOf } from "./keys.js";

/**
 * @typedef {object} Typing what the line does while it is open
 * @property {string} name
 * @property {string} placeholder
 * @property {string} [resting] what it says while nobody types
 * @property {string} [nothing] what it says when nothing fits
 * @property {string} [value] what it begins with
 * @property {(text: string) => number[]} [find] what fits a text; without, the text itself is the answer
 * @property {(item: number) => Node[]} [node]
 * @property {(item: number) => string} [title]
 * @property {(item: number | string) => void} choose
 */

export class TypeBox {
  /** @type {Record<string, string[]>} */
  keymap;
  /** @type {Function} */
  onLeave;
  /** @type {Function} */
  onMode;
  /** @type {any} */
  standing;

  /**
   * @param {{keymap: Record<string, string[]>, onMode: (typing: boolean) => void, onLeave: Function}} options
   *        `keymap`: the keys of the editor whose line it is
   */
  constructor(options) {
    Object.assign(this, options, { mode: null, standing: null, best: -1, found: [] });
    this.input = h("input", {
      class: "lw-type",
      "aria-label": "type a class name",
      autocomplete: "off",
      oninput: () => this.match(),
      onkeydown: (event) => this.key(event),
      onblur: () => this.close(),
    });
    this.matches = h("div", { class: "lw-matches", role: "listbox", "aria-label": "matching classes" });
    this.el = h("div", { class: "lw-typebox" }, this.input, this.matches);
  }

  /** What the line says while nobody types. */
  rest() {
    this.input.placeholder = this.standing?.resting || "";
  }

  /** @param {Typing} mode */
  open(mode) {
    this.mode = mode;
    this.onMode(true);
    this.input.placeholder = mode.placeholder;
    this.input.value = mode.value || "";
    this.matches.replaceChildren();
    this.input.focus({ preventScroll: true });
    this.match();
  }

  close() {
    if (!this.mode) return;
    this.mode = null;
    this.onMode(false);
    this.input.value = "";
    this.matches.replaceChildren();
    this.rest();
  }

  /** Show what fits what was typed; the best is marked as soon as anything was typed. */
  match() {
    this.mode ||= this.standing;
    const { mode } = this;
    if (!mode?.find) return;
    this.onMode(true);
    this.found = mode.find(this.input.value);
    this.best = this.found.length && this.input.value.trim() ? this.found[0] : -1;
    const none = this.found.length ? [] : [h("span", { class: "lw-empty-line", text: mode.nothing })];
    this.matches.replaceChildren(...this.found.map((item) => this.option(item)), ...none);
  }

  option(item) {
    const onpointerdown = (event) => {
      event.preventDefault();
      this.choose(item);
    };
    const { mode } = this;
    return h(
      "button",
      { type: "button", class: "lw-match", role: "option", "aria-selected": String(item === this.best), title: mode.title(item), onpointerdown },
      ...mode.node(item),
    );
  }

  key(event) {
    const { action = "" } = actionOf(event, this.keymap) || {},
      step = { nextMatch: 1, previousMatch: -1 }[action];
    if (action !== "choose" && !step) return;
    event.preventDefault();
    if (step) this.move(step);
    else if (this.mode && !this.mode.find) this.choose(this.input.value.trim());
    else if (this.best >= 0) this.choose(this.best);
  }

  /** Mark another of those that fit. */
  move(by) {
    if (!this.mode?.find || !this.found.length) return;
    const at = Math.max(0, Math.min(this.found.length - 1, this.found.indexOf(this.best) + by));
    this.best = this.found[at];
    [...this.matches.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
  }

  choose(item) {
    const { mode } = this;
    this.leave();
    mode.choose(item);
  }

  leave() {
    this.close();
    this.onLeave();
  }
}
