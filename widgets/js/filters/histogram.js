/** A histogram with a brush: all rows faint, rows that pass the other filters solid, selected ones in the accent colour. */
import { BINS, binned } from "../base/crossfilter.js";
import { extent } from "../base/bits.js";
import { hex } from "../base/color.js";
import { h, sharpContext } from "../base/dom.js";
import { filterBox } from "./filterbox.js";
import { within } from "../base/format.js";
/** @import { Theme } from "../base/color.js" */
/** @import { Column, Store } from "../state/store.js" */

const HEIGHT = 34;
const GRIP = 6;

export class Histogram {
  /**
   * @param {Column} column with its values @param {Store} store @param {() => import("../base/color.js").Theme} theme
   * @param {(range: number[] | null) => void} onBrush @param {() => void} [onClose]
   */
  constructor(column, store, theme, onBrush, onClose) {
    this.column = column;
    this.store = store;
    this.theme = theme;
    this.onBrush = onBrush;
    /** @type {number[] | null} */
    this.range = null;
    /** @type {{ kind: "move", from: number, span: number[] } | { kind: "edge" | "new", other: number } | null} */
    this.drag = null;
    const values = column.values ?? store.loaded(column.name);
    this.domain = extent(values);
    this.bins = binned(values, this.domain[0], this.domain[1]);
    this.canvas = h("canvas", {
      class: "lw-hist",
      style: { height: `${HEIGHT}px` },
      "aria-hidden": "true",
      title: "drag to filter, double-click to clear",
    });
    this.low = this.field("from");
    this.high = this.field("to");
    this.hint = h("span", {
      class: `lw-quiet lw-hint lw-${column.suspicious || "plain"}`,
      text: column.suspicious === "low" ? "◂ suspicious" : column.suspicious ? "suspicious ▸" : "",
    });
    this.el = filterBox(column, onClose, this.canvas, h("div", { class: "lw-range" }, this.low, this.hint, this.high));
    this.listen();
    this.showRange();
  }

  /** @param {string} which */
  field(which) {
    return h("input", {
      class: "lw-bound",
      inputmode: "decimal",
      "aria-label": `${this.column.name} ${which}`,
      onchange: () => this.typed(),
      onfocus: (event) => event.target.select(),
    });
  }

  typed() {
    /** @param {HTMLInputElement} input @param {number} other */
    const number = (input, other) =>
      input.value.trim() === "" || !Number.isFinite(Number(input.value)) ? other : Number(input.value);
    this.setRange([number(this.low, this.domain[0]), number(this.high, this.domain[1])]);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      const x = this.share(event),
        span = this.shares();
      const near = span ? span.findIndex((s) => Math.abs(s - x) * canvas.clientWidth < GRIP) : -1;
      if (span && near >= 0) this.drag = { kind: "edge", other: span[1 - near] };
      else if (span && x > span[0] && x < span[1]) this.drag = { kind: "move", from: x, span };
      else this.drag = { kind: "new", other: x };
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => this.drag && this.pull(this.share(event)));
    canvas.addEventListener("pointerup", (event) => {
      if (this.drag?.kind === "new" && Math.abs(this.share(event) - this.drag.other) * canvas.clientWidth < 3)
        this.setRange(null);
      this.drag = null;
    });
    canvas.addEventListener("dblclick", () => this.setRange(null));
  }

  /** @param {number} x */
  pull(x) {
    const { drag } = this;
    if (!drag) return;
    if (drag.kind === "move") {
      const by = Math.max(-drag.span[0], Math.min(1 - drag.span[1], x - drag.from));
      this.setShares(drag.span.map((s) => s + by));
    } else if (Math.abs(x - drag.other) * this.canvas.clientWidth >= 2)
      this.setShares([Math.min(x, drag.other), Math.max(x, drag.other)]);
  }

  /** @param {MouseEvent} event */
  share(event) {
    const box = this.canvas.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  }

  shares() {
    const [lo, hi] = this.domain;
    return this.range && hi > lo ? this.range.map((v) => (v - lo) / (hi - lo)) : null;
  }

  /** @param {number[]} shares */
  setShares(shares) {
    const [lo, hi] = this.domain;
    this.setRange(shares.map((s) => lo + s * (hi - lo)));
  }

  /** Set the brush (null clears it) and notify. @param {number[]|null} range */
  setRange(range) {
    this.range = range && range[0] <= range[1] ? range : null;
    this.showRange();
    this.onBrush(this.range);
  }

  showRange() {
    const [lo, hi] = this.range || this.domain;
    this.low.value = within(lo, this.domain);
    this.high.value = within(hi, this.domain);
    this.el.classList.toggle("lw-on", Boolean(this.range));
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const { all, shown, chosen } = this.store.filter.counts(
      this.column.name,
      this.bins,
      BINS,
      this.store.selectedCount ? this.store.selected : null,
    );
    const c = sharpContext(this.canvas, width, HEIGHT),
      colors = this.theme(),
      most = Math.sqrt(Math.max(1, ...all)),
      w = width / BINS;
    /** @param {Int32Array} counts @param {string} style */
    const bars = (counts, style) => {
      c.fillStyle = style;
      counts.forEach((v, i) => {
        if (v) {
          const hgt = Math.max(1, (Math.sqrt(v) / most) * (HEIGHT - 2));
          c.fillRect(i * w, HEIGHT - hgt, Math.max(1, w - 1), hgt);
        }
      });
    };
    bars(all, hex(colors.line));
    bars(shown, hex(this.store.selectedCount ? colors.grey : colors.quiet));
    if (this.store.selectedCount) bars(chosen, hex(colors.accent));
    c.fillStyle = hex(colors.line);
    c.fillRect(0, HEIGHT - 1, width, 1);
    this.drawBrush(c, width, colors);
  }

  /** @param {CanvasRenderingContext2D} c @param {number} width @param {Theme} colors */
  drawBrush(c, width, colors) {
    const span = this.shares();
    if (!span) return;
    const [a, b] = span.map((s) => s * width);
    c.fillStyle = hex(colors.accent);
    c.globalAlpha = 0.14;
    c.fillRect(a, 0, b - a, HEIGHT);
    c.globalAlpha = 1;
    for (const x of [a, b]) c.fillRect(Math.max(0, Math.min(width - 2, x - 1)), 0, 2, HEIGHT);
  }
}
