/** The line in which one types the name of a class or a note. */
import { h } from "./dom.js";
import { count } from "./format.js";
import { matchingClasses } from "./keys.js";
import { swatch } from "./legend.js";

export class TypeBox {
  /**
   * @param {{store: object, paint: object, many: boolean, onClass: (code: number) => void,
   *          onNote: (text: string) => void, onMode: (typing: boolean) => void, onLeave: Function}} options
   *        `many`: the line stands there all the time, because there are more classes than buttons
   */
  constructor(options) {
    Object.assign(this, options, { mode: null, best: -1 });
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
    this.rest();
  }

  /** What the line says while nobody types. */
  rest() {
    this.input.placeholder = this.many ? `/ type one of ${count(this.store.classes.length)} classes` : "type a class";
  }

  openClass() {
    this.open("class", "type a class", "");
    this.match();
  }

  openNote(text) {
    this.open("note", "write a note, Enter saves it", text);
  }

  open(mode, placeholder, value) {
    this.mode = mode;
    this.onMode(true);
    this.input.placeholder = placeholder;
    this.input.value = value;
    this.matches.replaceChildren();
    this.input.focus({ preventScroll: true });
  }

  close() {
    if (!this.mode) return;
    this.mode = null;
    this.onMode(false);
    this.input.value = "";
    this.matches.replaceChildren();
    this.rest();
  }

  /** Show the classes that fit what was typed, the best one marked. */
  match() {
    this.mode ||= "class";
    if (this.mode !== "class") return;
    this.onMode(true);
    const { classes } = this.store,
      codes = matchingClasses(classes, this.input.value);
    const colors = this.paint.classColors();
    this.codes = codes;
    this.best = codes.length ? codes[0] : -1;
    const none = codes.length ? [] : [h("span", { class: "lw-empty-line", text: "no such class" })];
    this.matches.replaceChildren(...codes.map((code, i) => this.option(code, i, colors)), ...none);
  }

  option(code, i, colors) {
    const onpointerdown = (event) => {
      event.preventDefault();
      this.choose(code);
    };
    return h(
      "button",
      { type: "button", class: "lw-match", role: "option", "aria-selected": String(i === 0), title: this.store.classes[code], onpointerdown },
      swatch(colors[code]),
      h("span", { class: "lw-clip", text: this.store.shortName(code, 40) }),
    );
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key !== "Enter" && !step) return;
    event.preventDefault();
    if (step) this.move(step);
    else if (this.mode === "note") this.saveNote();
    else if (this.best >= 0) this.choose(this.best);
  }

  /** Mark another of the classes that fit. */
  move(by) {
    if (this.mode !== "class" || !this.codes.length) return;
    const at = Math.max(0, Math.min(this.codes.length - 1, this.codes.indexOf(this.best) + by));
    this.best = this.codes[at];
    [...this.matches.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
  }

  choose(code) {
    this.leave();
    this.onClass(code);
  }

  saveNote() {
    const text = this.input.value.trim();
    this.leave();
    this.onNote(text);
  }

  leave() {
    this.close();
    this.onLeave();
  }
}
