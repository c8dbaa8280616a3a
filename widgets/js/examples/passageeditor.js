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

  draw() {
    const { example } = this;
    this.passage.show(example?.passage ?? null, example?.passage ? this.rails() : [], this.marked);
    this.head.replaceChildren(...(example ? this.headline() : []));
    this.passage.el.classList.toggle("lw-editing", this.editing);
  }

  /** The words of some tokens. @param {[number, number]} tokens */
  textOf([first, last]) {
    return this.passage.words.slice(first, last).join(" ");
  }

  reveal() {
    const tokens = this.marked || this.tokensIn(this.current);
    if (tokens) this.passage.reveal(tokens[0]);
  }

  destroy() {
    super.destroy();
    this.passage.destroy();
  }
}
