/** Confusion of classes as a matrix and as a list: label issues, predictions, or the estimated noise. */
import { arrayOf } from "../base/bits.js";
import { hex, scoreColor } from "../base/color.js";
import { context2d, fillSelect, h, sharpContext } from "../base/dom.js";
import { count, shortNames } from "../base/format.js";
import { swatch } from "../maps/legend.js";
import { cellCounts, topPairs } from "../state/orders.js";
/** @import { Theme } from "../base/color.js" */

const FONT = "10px system-ui, sans-serif";
/** The matrices: [menu text, axes text, name of the other class]. */
const KINDS = {
  issues: ["label issues by suggestion", "given ↓  suggested →", "suggested"],
  predicted: ["confusion (predictions)", "given ↓  predicted →", "predicted"],
  noise: ["noise matrix (estimate)", "given ↓  truly → (% of the true class)", "truly"],
};
/** Minimum size of cells with numbers, and of cells with names beside them, px. */
const ROOMY = 15,
  NAMED = 9;
/** Maximum width of the names beside the matrix, px. */
const NAMES = 62;

/** @typedef {keyof typeof KINDS} Kind */
/**
 * @typedef {object} Matrix what is shown: codes of the other class by row, examples by cell, and numbers of the cells
 * @property {Int32Array} codes
 * @property {Int32Array} counts
 * @property {ArrayLike<number>} cells
 * @property {Float32Array} [low]
 * @property {Float32Array} [high]
 * @property {string} how
 * @property {string} [title]
 * @property {string} [warning]
 */

export class MatrixPanel {
  /**
   * @param {{ store: import("../state/store.js").Store, wire: import("../state/wire.js").Wire, paint: import("../maps/paint.js").Paint, theme: () => import("../base/color.js").Theme,
   *   fail: (error: Error) => void, select: (test: (row: number) => unknown, name: string) => void }} options
   */
  constructor({ store, wire, paint, theme, fail, select }) {
    this.store = store;
    this.wire = wire;
    this.paint = paint;
    this.theme = theme;
    this.fail = fail;
    this.select = select;
    /** @type {Kind} */
    this.kind = "issues";
    /** @type {Map<string, Matrix>} */
    this.loaded = new Map();
    /** @type {Matrix | null} */
    this.shown = null;
    this.cell = 0;
    this.edge = 0;
    this.menu = h("select", {
      class: "lw-matrix-menu",
      "aria-label": "what the matrix shows",
      onchange: () => this.show(/** @type {Kind} */ (this.menu.value)),
    });
    fillSelect(this.menu, [["", Object.entries(KINDS).map(([kind, [text]]) => [kind, text])]], this.kind);
    this.axes = h("div", { class: "lw-quiet" });
    this.canvas = h("canvas", {
      class: "lw-matrix",
      role: "img",
      "aria-label": "matrix of classes; the list below shows the same",
      onpointermove: (event) => this.point(this.at(event)),
      onpointerleave: () => this.point(null),
      onclick: (event) => this.choose(this.at(event)),
    });
    this.readout = h("div", { class: "lw-readout lw-quiet" });
    this.list = h("div", { class: "lw-pairs" });
    this.how = h("p", { class: "lw-how lw-quiet" });
    this.el = h(
      "div",
      { class: "lw-side lw-side-matrix", role: "tabpanel", "aria-label": "matrix", hidden: true },
      this.menu,
      this.axes,
      this.canvas,
      this.readout,
      this.list,
      this.how,
    );
  }

  /** @param {Kind} kind */
  async show(kind) {
    this.kind = kind;
    if (kind !== "issues" && !this.loaded.has(kind)) {
      this.readout.textContent = "counting…";
      this.list.replaceChildren();
      this.how.textContent = "";
      try {
        await this.load(kind);
      } catch (error) {
        this.menu.value = this.kind = "issues";
        this.fail(/** @type {Error} */ (error));
      }
    }
    this.draw();
  }

  /** @param {Kind} kind */
  async load(kind) {
    const { body, buffers } = await this.wire.ask("matrix", { of: kind });
    const [matrix, low, high] = buffers.slice(1).map((buffer) => arrayOf(Float32Array, buffer));
    const codes = arrayOf(Int32Array, buffers[0]);
    const counts = cellCounts(this.store.given, codes, this.store.k);
    this.loaded.set(kind, { ...body, codes, counts, cells: matrix ?? counts, low, high });
  }

  /** Codes, values of the cells and their format in the current matrix. @returns {Matrix} */
  data() {
    const { store } = this,
      k = store.k;
    const loaded = this.loaded.get(this.kind);
    if (loaded) return loaded;
    const codes = Int32Array.from(store.suggested, (code, row) => (store.issue[row] ? code : -1));
    const counts = cellCounts(store.given, codes, k);
    return { codes, counts, cells: counts, how: "" };
  }

  draw() {
    const { store } = this,
      k = store.k;
    this.shown = this.data();
    this.axes.textContent = KINDS[this.kind][1];
    const off = Float32Array.from(this.shown.cells, (value, i) => (i % (k + 1) ? value : 0));
    this.point(null);
    this.list.replaceChildren(...topPairs(off, k).map(([a, b, value]) => this.pair(a, b, value)));
    this.how.textContent = [this.shown.title, this.shown.how].filter(Boolean).join(" · ");
    this.how.title = this.shown.warning || "";
    this.how.classList.toggle("lw-warn", this.kind === "noise");
    if (this.kind === "noise") this.how.append(h("span", { class: "lw-fine", text: this.shown.warning }));
    this.paintMatrix(k, off);
  }

  /** The value of a cell as text: a count or a percentage. @param {number} number */
  value(number) {
    return this.kind === "noise" ? `${(100 * number).toFixed(number < 0.0995 ? 1 : 0)}%` : count(number);
  }

  /** @param {number} a @param {number} b @param {number} value */
  pair(a, b, value) {
    const { classes } = this.store,
      colors = this.paint.classColors();
    /** @param {number} code */
    const name = (code) => [swatch(colors[code]), h("span", { class: "lw-clip", text: this.store.shortName(code, 22) })];
    const long = Math.max(classes[a].length, classes[b].length) > 9;
    return h(
      "button",
      { type: "button", class: `lw-pair${long ? " lw-pair-tall" : ""}`, title: this.sentence(a, b), onclick: () => this.choose([a, b]) },
      ...name(a),
      h("span", { class: "lw-quiet", text: "→" }),
      ...name(b),
      h("span", { class: "lw-num", text: this.value(value) }),
    );
  }

  /** @param {number} a @param {number} b */
  sentence(a, b) {
    const { classes } = this.store,
      at = a * this.store.k + b,
      { counts, low, high, cells } = this.shown ?? this.data();
    const pair = `given ${classes[a]}, ${KINDS[this.kind][2]} ${classes[b]}`;
    if (this.kind !== "noise" || !low || !high) return `${pair}: ${count(counts[at])}`;
    const range = `${(100 * low[at]).toFixed(1)} to ${(100 * high[at]).toFixed(1)}`;
    return `${pair}: ${this.value(cells[at])} (${range}), ${count(counts[at])} examples`;
  }

  /** @param {number} k @param {Float32Array} off */
  paintMatrix(k, off) {
    const width = this.canvas.clientWidth || 160,
      c = context2d(this.canvas),
      whole = Math.min(width, 280);
    c.font = FONT;
    const names = shortNames(this.store.classes.slice(0, k), 9),
      wide = Math.min(NAMES, Math.ceil(Math.max(...names.map((name) => c.measureText(name).width))) + 5),
      edge = (whole - wide) / k >= NAMED ? wide : 0;
    const size = whole - edge;
    this.canvas.style.height = `${size + edge}px`;
    sharpContext(this.canvas, width, size + edge);
    const theme = this.theme(),
      cell = size / k,
      gap = cell > 8 ? 1 : 0;
    c.font = FONT;
    if (edge) this.name(c, names, cell, edge, theme);
    const most = Math.sqrt(off.reduce((high, value) => Math.max(high, value), 0)) || 1;
    for (let a = 0; a < k; a++)
      for (let b = 0; b < k; b++) {
        const value = off[a * k + b],
          share = Math.sqrt(value) / most,
          x = edge + b * cell,
          y = edge + a * cell;
        c.fillStyle =
          a === b
            ? hex(theme.line)
            : value
              ? hex(scoreColor(0.25 + 0.75 * share, { dark: theme.dark }))
              : hex(theme.faint);
        c.fillRect(x, y, cell - gap, cell - gap);
        if (value && cell >= ROOMY) this.write(c, value, x + cell / 2, y + cell / 2, share > 0.45, cell);
      }
    this.cell = cell;
    this.edge = edge;
  }

  /**
   * Class names beside the rows, and vertically above the columns.
   * @param {CanvasRenderingContext2D} c @param {string[]} names @param {number} cell @param {number} edge @param {Theme} theme
   */
  name(c, names, cell, edge, theme) {
    c.fillStyle = hex(theme.quiet);
    c.textBaseline = "middle";
    names.forEach((name, i) => {
      const middle = edge + (i + 0.5) * cell;
      c.textAlign = "right";
      c.fillText(name, edge - 4, middle, edge - 4);
      c.save();
      c.translate(middle, edge - 4);
      if (c.measureText(name).width > cell) {
        c.rotate(-Math.PI / 2);
        c.textAlign = "left";
      } else c.textAlign = "center";
      c.fillText(name, 0, 0, c.textAlign === "left" ? edge - 4 : cell);
      c.restore();
    });
  }

  /** @param {CanvasRenderingContext2D} c @param {number} value @param {number} x @param {number} y @param {boolean} strong @param {number} cell */
  write(c, value, x, y, strong, cell) {
    const text = this.kind === "noise" ? (100 * value).toFixed(value < 0.0995 ? 1 : 0) : String(value);
    if (text === "0.0") return;
    c.font = FONT;
    if (c.measureText(text).width > cell - 1) return;
    c.fillStyle = strong !== this.theme().dark ? "#fff" : "#000";
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(text, x, y);
  }

  /** The cell under the pointer: [given, other], or null. @param {MouseEvent} event */
  at(event) {
    const box = this.canvas.getBoundingClientRect(),
      k = this.store.k,
      scale = this.canvas.clientWidth / box.width; // scaled pages
    const a = Math.floor(((event.clientY - box.top) * scale - this.edge) / this.cell),
      b = Math.floor(((event.clientX - box.left) * scale - this.edge) / this.cell);
    return a >= 0 && b >= 0 && a < k && b < k ? [a, b] : null;
  }

  /** @param {number[] | null} hit */
  point(hit) {
    const nothing = !this.shown || !this.shown.counts.some((value) => value);
    const why = this.store.meta.doubted === false ? "Without probabilities or embeddings no label issues can be found." : "nothing to show";
    this.readout.textContent = hit ? this.sentence(hit[0], hit[1]) : nothing ? why : "click a cell to select it";
    this.canvas.style.cursor = hit && this.shown?.counts[hit[0] * this.store.k + hit[1]] ? "pointer" : "default";
  }

  /** Select the examples of a cell. @param {number[] | null} cell */
  choose(cell) {
    if (!cell || !this.shown) return;
    const [a, b] = cell,
      { store } = this,
      { codes } = this.shown;
    this.select(
      (row) => store.given[row] === a && codes[row] === b,
      `given ${store.classes[a]}, ${KINDS[this.kind][2]} ${store.classes[b]}`,
    );
  }
}
