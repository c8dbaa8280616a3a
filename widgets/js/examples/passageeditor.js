/** Base of the editors of a text: the text with rails, a line about the unit in focus, and the input line for its class. */
import { h } from "../base/dom.js";
import { ObjectEditor } from "./objecteditor.js";
import { PassageView } from "./passage.js";
/** @import { UnitInfo } from "../state/messages.js" */
/** @import { Rail } from "./passage.js" */

/** A subclass has `rails`, `tokensIn`, `pick` and what `ObjectEditor` asks for. */
export class PassageEditor extends ObjectEditor {
  /** @type {[number, number] | null} the selected tokens */
  marked = null;
  /** The frame that draws; 0 if nothing is to be drawn. */
  frame = 0;
  /** Is the unit in focus to be scrolled into view once it is drawn? */
  sought = false;

  /**
   * @param {import("../editors.js").EditorOptions} options
   * @param {string} one name of a unit
   */
  constructor(options, one) {
    const passage = new PassageView({ pick: (token, extend) => this.pick(token, extend) }),
      head = h("div", { class: "lw-span-line" });
    super(options, one, passage.el, head);
    this.passage = passage;
    this.head = head;
    this.place.root.classList.add("lw-of-spans");
  }

  get isNew() {
    return Boolean(this.marked);
  }

  /** @returns {Rail[]} */
  rails() {
    return [];
  }

  /** The tokens of a unit, half-open. @param {UnitInfo | undefined} _unit @returns {[number, number] | null | undefined} */
  tokensIn(_unit) {
    return null;
  }

  /** A press on a token. @param {number} _token @param {boolean} _extend */
  pick(_token, _extend) {}

  /** Draw a new text at once, and changes of the same text once per frame: a decision causes several. */
  draw() {
    if ((this.example?.passage ?? null) !== this.passage.passage) this.drawNow();
    else this.frame ||= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { example } = this;
    this.passage.show(example?.passage ?? null, example?.passage ? this.rails() : [], this.marked);
    this.head.replaceChildren(...(example ? this.headline() : []));
    this.passage.el.classList.toggle("lw-editing", this.editing);
    if (this.sought) this.reveal();
  }

  /** The words of some tokens. @param {[number, number]} tokens */
  textOf([first, last]) {
    return this.passage.words.slice(first, last).join(" ");
  }

  reveal() {
    this.sought = this.frame > 0; // what is not drawn yet has no place
    const tokens = this.marked || this.tokensIn(this.current);
    if (tokens && !this.sought) this.passage.reveal(tokens[0]);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    super.destroy();
    this.passage.destroy();
  }
}
