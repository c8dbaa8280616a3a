/** The appearance of each point, shared by all maps: colour level, state bits and colour table. */
import { classColors, classTable, levelsOf, levelsOfCodes, scoreColor, scoreTable } from "../base/color.js";
import { extent } from "../base/bits.js";
import { CHANGED, FLAGGED, PASSES, SELECTED } from "./points_gl.js";
/** @import { Rows } from "../base/bits.js" */
/** @import { Theme } from "../base/color.js" */
/** @import { Column, Store } from "../state/store.js" */

/** @typedef {{ kind: "number", column: Column, range: number[], color: (t: number) => number[] }} NumberLegend */
/** @typedef {{ kind: "category", column: Column, colors: number[][] }} CategoryLegend */
/** @typedef {NumberLegend | CategoryLegend | { kind: "hidden", column: Column }} Legend */

export class Paint {
  /** @param {Store} store @param {() => Theme} theme */
  constructor(store, theme) {
    this.store = store;
    this.theme = theme;
    this.by = "";
    /** @type {Uint8Array<ArrayBuffer> | null} */
    this.levels = null;
    this.states = new Uint8Array(store.n);
    /** @type {Uint8Array | null} */
    this.table = null;
    /** @type {Legend | null} */
    this.legend = null;
    /** @type {Map<string, number[][]>} */
    this.palettes = new Map();
    this.restate();
  }

  /** Colours of the classes (or of any other k categories) in the current theme. */
  classColors(k = this.store.classes.length) {
    const { dark } = this.theme(),
      name = `${k} ${dark}`;
    const known = this.palettes.get(name) ?? classColors(k, dark);
    this.palettes.set(name, known);
    return known;
  }

  /** Colour of a class (or of another of k categories); grey for none. @param {number} code */
  classColor(code, k = this.store.classes.length) {
    const colors = this.classColors(k);
    return code < 0 ? this.theme().grey : colors[code % colors.length];
  }

  /** Colour by a column whose values are loaded. @param {string} name */
  colorBy(name) {
    const { store } = this,
      column = store.column(name),
      values = store.loaded(name);
    const { dark, grey } = this.theme();
    this.by = name;
    if (store.blind && store.meta.doubted !== false) {
      this.levels = new Uint8Array(store.n).fill(255);
      this.table = classTable(this.classColors(), grey);
      this.legend = { kind: "hidden", column };
      return;
    }
    if (column.kind === "category") {
      const colors =
        column.categories === store.classes || column.classes
          ? this.classColors()
          : this.classColors(column.categories?.length);
      this.levels = levelsOfCodes(values);
      this.table = classTable(colors, grey);
      this.legend = { kind: "category", column, colors };
      return;
    }
    const range = column.range && column.range.every(Number.isFinite) ? column.range : extent(values);
    const look = { suspicious: column.suspicious || "high", dark, scheme: column.suspicious ? "viridis" : "cividis" };
    this.levels = levelsOf(values, range[0], range[1]);
    this.table = scoreTable(look, grey);
    this.legend = { kind: "number", column, range, color: (t) => scoreColor(t, look) };
  }

  /** State bits of all rows, or of some. @param {Rows|null} [rows] */
  restate(rows = null) {
    const { store, states } = this,
      { passing } = store.filter;
    if (rows) for (let i = 0; i < rows.length; i++) states[rows[i]] = this.stateOf(rows[i], passing);
    else for (let i = 0; i < store.n; i++) states[i] = this.stateOf(i, passing);
  }

  /** The end of the colour scale that is drawn on top: 1 = high, -1 = low, 0 = neither. */
  get rise() {
    const suspicious = this.legend?.column.suspicious;
    return suspicious === "high" ? 1 : suspicious === "low" ? -1 : 0;
  }

  /** @param {number} i @param {Uint8Array} passing */
  stateOf(i, passing) {
    const { store } = this;
    return (
      (passing[i] ? PASSES : 0) |
      (store.selected[i] ? SELECTED : 0) |
      (store.edited(i) ? CHANGED : 0) |
      (store.flagged(i) ? FLAGGED : 0)
    );
  }

  /** Rows were relabelled: update their state, and their colour if colours show labels. @param {Rows} rows */
  touch(rows) {
    const { store, levels } = this,
      { passing } = store.filter;
    const codes = (this.by === "label" || this.by === "verdict") && this.legend?.kind !== "hidden" ? store.loaded(this.by) : null;
    for (const row of rows) {
      this.states[row] = this.stateOf(row, passing);
      if (codes && levels) levels[row] = codes[row] < 0 ? 255 : codes[row] % 254;
    }
  }
}
