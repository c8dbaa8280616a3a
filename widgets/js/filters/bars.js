/** Bars of a categorical column: a click keeps only that category, further clicks add or remove others. */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { filterBox } from "./filterbox.js";
import { count, shortNames } from "../base/format.js";
import { swatch } from "../maps/legend.js";
/** @import { Column, Store } from "../state/store.js" */

export class Bars {
  /**
   * @param {Column} column @param {Store} store
   * @param {(() => number[][]) | null} colors of its categories, where they are classes
   * @param {(kept: Set<number> | null) => void} onPick @param {() => void} [onClose]
   */
  constructor(column, store, colors, onPick, onClose) {
    this.column = column;
    this.store = store;
    this.colors = colors;
    this.onPick = onPick;
    /** @type {Set<number> | null} */
    this.kept = null;
    this.lines = this.categories.map((name, i) => this.line(name, i, colors ? colors()[i] : null));
    this.bars = h(
      "div",
      { class: "lw-bars" },
      this.lines.map((line) => line.el),
    );
    this.el = filterBox(column, onClose, this.bars);
  }

  get categories() {
    return this.column.categories ?? [];
  }

  /** @param {string} name @param {number} code @param {number[]|null|undefined} color */
  line(name, code, color) {
    const fill = h("span", { class: "lw-bar-fill" }),
      back = h("span", { class: "lw-bar-all" }),
      number = h("span", { class: "lw-num" }),
      square = color ? swatch(color) : null;
    const el = h(
      "button",
      { type: "button", class: "lw-bar", "aria-pressed": "false", title: name, onclick: () => this.toggle(code) },
      h("span", { class: "lw-bar-name" }, square, h("span", { class: "lw-clip", text: shortNames(this.categories, 16)[code] })),
      h("span", { class: "lw-bar-track" }, back, fill),
      number,
    );
    return { el, fill, back, number, square };
  }

  /** @param {number} code */
  toggle(code) {
    const kept = new Set(this.kept || []);
    if (!kept.delete(code)) kept.add(code);
    this.setKept(kept.size && kept.size < this.categories.length ? kept : null);
  }

  /** @param {Set<number>|null} kept */
  setKept(kept) {
    this.kept = kept;
    this.lines.forEach(({ el }, i) => el.setAttribute("aria-pressed", String(Boolean(kept?.has(i)))));
    this.el.classList.toggle("lw-on", Boolean(kept));
    this.onPick(kept);
  }

  draw() {
    const { column, store, categories } = this;
    for (let i = this.lines.length; i < categories.length; i++) {
      this.lines.push(this.line(categories[i], i, this.colors?.()[i])); // a class that was added
      this.bars.append(this.lines[i].el);
    }
    const { all, shown, chosen } = store.filter.counts(
      column.name,
      store.loaded(column.name),
      this.lines.length,
      store.selectedCount ? store.selected : null,
    );
    const numbers = store.selectedCount ? chosen : shown,
      most = Math.max(1, ...all);
    const colors = this.colors?.();
    this.lines.forEach(({ el, fill, back, number, square }, i) => {
      if (square && colors) square.style.background = hex(colors[i]); // the theme may have changed
      back.style.width = `${(100 * all[i]) / most}%`;
      fill.style.width = `${(100 * numbers[i]) / most}%`;
      number.textContent = count(numbers[i]);
      el.classList.toggle("lw-off", Boolean(this.kept && !this.kept.has(i)));
    });
  }
}
