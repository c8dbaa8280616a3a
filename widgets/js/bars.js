/** Bars of a categorical column: a click keeps only that category, further clicks add or remove others. */
import { hex } from "./color.js";
import { h } from "./dom.js";
import { filterBox } from "./filterbox.js";
import { count, shortNames } from "./format.js";
import { swatch } from "./legend.js";

export class Bars {
  /** @type {any} */
  colors;
  /** @type {any} */
  column;
  /** @type {Function} */
  onPick;
  /** @type {import("./store.js").Store} */
  store;

  /** @param {any} column @param {import("./store.js").Store} store @param {(kept: Set<number>|null) => void} onPick */
  constructor(column, store, colors, onPick, onClose) {
    Object.assign(this, { column, store, colors, onPick, kept: null });
    this.lines = column.categories.map((name, i) => this.line(name, i, colors ? colors()[i] : null));
    this.bars = h(
      "div",
      { class: "lw-bars" },
      this.lines.map((line) => line.el),
    );
    this.el = filterBox(column, onClose, this.bars);
  }

  line(name, code, color) {
    const fill = h("span", { class: "lw-bar-fill" }),
      back = h("span", { class: "lw-bar-all" }),
      number = h("span", { class: "lw-num" });
    const el = h(
      "button",
      { type: "button", class: "lw-bar", "aria-pressed": "false", title: name, onclick: () => this.toggle(code) },
      h("span", { class: "lw-bar-name" }, color && swatch(color), h("span", { class: "lw-clip", text: shortNames(this.column.categories, 16)[code] })),
      h("span", { class: "lw-bar-track" }, back, fill),
      number,
    );
    return { el, fill, back, number, square: el.querySelector(".lw-swatch") };
  }

  toggle(code) {
    const kept = new Set(this.kept || []);
    if (!kept.delete(code)) kept.add(code);
    this.setKept(kept.size && kept.size < this.column.categories.length ? kept : null);
  }

  setKept(kept) {
    this.kept = kept;
    this.lines.forEach(({ el }, i) => el.setAttribute("aria-pressed", String(Boolean(kept?.has(i)))));
    this.el.classList.toggle("lw-on", Boolean(kept));
    this.onPick(kept);
  }

  draw() {
    const { column, store } = this;
    for (let i = this.lines.length; i < column.categories.length; i++) {
      this.lines.push(this.line(column.categories[i], i, this.colors?.()[i])); // a class that was added
      this.bars.append(this.lines[i].el);
    }
    const { all, shown, chosen } = store.filter.counts(
      column.name,
      store.values(column.name),
      this.lines.length,
      store.selectedCount ? store.selected : null,
    );
    const numbers = store.selectedCount ? chosen : shown,
      most = Math.max(1, ...all);
    const colors = this.colors?.();
    this.lines.forEach(({ el, fill, back, number, square }, i) => {
      if (square) square.style.background = hex(colors[i]); // the theme may have changed
      back.style.width = `${(100 * all[i]) / most}%`;
      fill.style.width = `${(100 * numbers[i]) / most}%`;
      number.textContent = count(numbers[i]);
      el.classList.toggle("lw-off", Boolean(this.kept && !this.kept.has(i)));
    });
  }
}
