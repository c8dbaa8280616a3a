/** The input line for the name of a class or a note. */
import { h } from "./dom.js";
import { actionOf } from "./keys.js";

/**
 * @typedef {object} Typing the behaviour of the line while it is open
 * @property {string} name
 * @property {string} placeholder
 * @property {string} [resting] placeholder while it is closed
 * @property {string} [nothing] text shown if nothing matches
 * @property {string} [value] initial text
 * @property {(text: string) => number[]} [find] matches of a text; without it, the text itself is the answer
 * @property {(item: number) => Node[]} [node]
 * @property {(item: number) => string} [title]
 * @property {(name: string) => boolean} [may] whether this name, which does not exist yet, may be added
 * @property {(name: string) => void} [add] adds it after confirmation
 * @property {(item: number | string) => void} choose
 * @property {boolean} [stays] whether the line stays open for the next entry
 * @property {(text: string, up: boolean, event: KeyboardEvent) => string} [nudge] increments or decrements a text, with the keys for matches
 */

/** The item that adds the typed name. */
const NEW = -2;

export class TypeBox {
  /**
   * @param {{ keymap: Record<string, string[]>, onMode: (typing: boolean) => void, onLeave: () => void }} options
   *        `keymap`: the keys of the editor whose line it is
   */
  constructor({ keymap, onMode, onLeave }) {
    this.keymap = keymap;
    this.onMode = onMode;
    this.onLeave = onLeave;
    /** @type {Typing | null} while the line is open */
    this.mode = null;
    /** @type {Typing | null} what the line does unless something else is asked for */
    this.standing = null;
    this.best = -1;
    /** @type {number[]} */
    this.found = [];
    this.sure = false;
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

  /** Set the behaviour of the line, and match the current text again. @param {Typing} typing */
  stand(typing) {
    const open = this.mode?.name === typing.name;
    this.standing = typing;
    if (!open) this.rest();
    else {
      this.mode = typing;
      this.match();
    }
  }

  /** The placeholder while the line is closed. */
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

  /** Show the matches of the typed text; the best one is highlighted once there is text. */
  match() {
    this.mode ||= this.standing;
    const { mode } = this;
    if (!mode?.find) return;
    this.onMode(true);
    const text = this.input.value.trim();
    this.sure = false;
    this.found = mode.find(text);
    if (text && mode.may?.(text)) this.found.push(NEW);
    this.best = this.found.length && text ? this.found[0] : -1;
    const none = this.found.length ? [] : [h("span", { class: "lw-empty-line", text: mode.nothing })];
    this.matches.replaceChildren(...this.found.map((item) => this.option(item)), ...none);
    this.reveal();
  }

  /** Scroll only the panel until the matches below the line are visible. */
  reveal() {
    const panel = this.el.closest(".lw-inspector");
    if (!panel) return;
    const { top, bottom } = panel.getBoundingClientRect(),
      below = this.matches.getBoundingClientRect().bottom - bottom,
      above = this.input.getBoundingClientRect().top - top;
    if (below > 0) panel.scrollTop += Math.min(below + 4, above);
  }

  /** @param {number} item */
  option(item) {
    /** @param {PointerEvent} event */
    const onpointerdown = (event) => {
      event.preventDefault();
      this.choose(item);
    };
    const { mode } = this;
    return h(
      "button",
      { type: "button", class: "lw-match", role: "option", "aria-selected": String(item === this.best), title: item === NEW ? "" : mode?.title?.(item), onpointerdown },
      ...(item === NEW ? [h("span", { class: "lw-clip", text: this.offer() })] : (mode?.node?.(item) ?? [])),
    );
  }

  /** Adding a name needs two presses, so that a typing mistake does not add a class. */
  offer() {
    const name = `“${this.input.value.trim()}”`;
    return this.sure ? `Press Enter again to add ${name}` : `+ add the ${this.mode?.name} ${name}`;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { action = "" } = actionOf(event, this.keymap) || {},
      step = { nextMatch: 1, previousMatch: -1 }[action];
    if (action !== "choose" && !step) return;
    event.preventDefault();
    if (step && this.mode?.nudge) this.input.value = this.mode.nudge(this.input.value, step < 0, event);
    else if (step) this.move(step);
    else if (this.mode && !this.mode.find) this.choose(this.input.value.trim());
    else if (this.best !== -1) this.choose(this.best);
  }

  /** Highlight another match. @param {number} by */
  move(by) {
    if (!this.mode?.find || !this.found.length) return;
    const at = Math.max(0, Math.min(this.found.length - 1, this.found.indexOf(this.best) + by));
    this.best = this.found[at];
    [...this.matches.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
  }

  /** @param {number|string} item */
  choose(item) {
    const { mode } = this;
    if (item === NEW && !this.sure) {
      this.sure = true;
      this.best = NEW;
      this.matches.replaceChildren(this.option(NEW));
      this.reveal();
      return;
    }
    if (!mode) return;
    const name = this.input.value.trim();
    if (item === NEW || !mode.stays) this.leave();
    if (item === NEW) {
      mode.add?.(name);
      return;
    }
    mode.choose(item);
    if (mode.stays) this.open({ ...mode, value: "" });
  }

  leave() {
    this.close();
    this.onLeave();
  }
}
