/** Base of the editors whose edit mode is the input line: layout, options, and entering and leaving edit mode. */
import { h } from "./dom.js";

export class LineEditor {
  /** @type {import("./editors.js").EditorOptions["judge"]} */
  judge;
  /** @type {import("./editors.js").EditorOptions["explain"]} */
  explain;
  /** @type {import("./editors.js").EditorOptions["addClass"]} */
  addClass;
  /** @type {import("./typebox.js").TypeBox} */
  line;
  /** @type {{ facts: HTMLElement, tools: HTMLElement, root: HTMLElement }} */
  place;
  /** @type {(text: string, kind?: string) => void} */
  say;
  /** @type {import("./editors.js").Space} */
  space;
  /** @type {() => any} */
  theme;

  /**
   * @param {import("./editors.js").EditorOptions} options
   * @param {HTMLElement} tools the controls for decisions, below the facts
   */
  constructor({ place, line, space, judge, say, theme, explain, addClass }, tools) {
    Object.assign(this, { place, line, space, judge, say, theme, explain, addClass, example: null });
    this.facts = h("div", { class: "lw-labels" });
    this.tools = tools;
    place.facts.append(this.facts);
    place.tools.append(tools);
  }

  /** A thumbnail caption: whether anything was changed. */
  thumb(el, [{ value }]) {
    el.append(h("span", { class: "lw-clip", text: value === 1 ? "changed" : value < 0 ? "unlabelled" : "" }));
  }

  /** Pass keys of edit mode to the input line. */
  key() {
    return false;
  }

  open() {
    this.line.open(this.line.standing);
  }

  close() {
    this.line.close();
  }

  destroy() {
    this.facts.remove();
    this.tools.remove();
  }
}
