/** The appearance of each point, shared by all maps: colour level, state bits and colour table. */
import { classColors, classTable, levelsOf, levelsOfCodes, scoreColor, scoreTable } from "./color.js";
import { extent } from "./bits.js";
import { CHANGED, FLAGGED, PASSES, SELECTED } from "./points_gl.js";

export class Paint {
  /** @type {any} */
  palettes;
  /** @type {any} */
  states;
  /** @type {import("./store.js").Store} */
  store;
  /** @type {() => any} */
  theme;

  constructor(store, theme) {
    Object.assign(this, {
      store,
      theme,
      by: "",
      levels: null,
      states: new Uint8Array(store.n),
      table: null,
      legend: null,
      palettes: new Map(),
    });
    this.restate();
  }

  /** Colours of the classes (or of any other k categories) in the current theme. */
  classColors(k = this.store.classes.length) {
    const { dark } = this.theme(),
      name = `${k} ${dark}`;
    if (!this.palettes.has(name)) this.palettes.set(name, classColors(k, dark));
    return this.palettes.get(name);
  }

  /** Colour of a class (or of another of k categories); grey for none. */
  classColor(code, k = this.store.classes.length) {
    const colors = this.classColors(k);
    return code < 0 ? this.theme().grey : colors[code % colors.length];
  }

  /** Colour by a column whose values are loaded. */
  colorBy(name) {
    const { store } = this,
      column = store.columns.get(name),
      values = store.values(name);
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
          : this.classColors(column.categories.length);
      this.levels = levelsOfCodes(values);
      this.table = classTable(colors, grey);
      this.legend = { kind: "category", column, colors };
      return;
    }
    const range = column.range && column.range.every(Number.isFinite) ? column.range : extent(values);
    const look = { suspicious: column.suspicious || "high", dark, scheme: column.suspicious ? "viridis" : "cividis" };
    this.levels = levelsOf(values, ...range);
    this.table = scoreTable(look, grey);
    this.legend = { kind: "number", column, range, color: (t) => scoreColor(t, look) };
  }

  /** State bits of all rows, or of some. */
  restate(rows = null) {
    const { store, states } = this,
      { passing } = store.filter;
    if (rows) for (let i = 0; i < rows.length; i++) states[rows[i]] = this.stateOf(rows[i], passing);
    else for (let i = 0; i < store.n; i++) states[i] = this.stateOf(i, passing);
  }

  /** The end of the colour scale that is drawn on top: 1 = high, -1 = low, 0 = neither. */
  get rise() {
    const { suspicious } = this.legend?.column || {};
    return suspicious === "high" ? 1 : suspicious === "low" ? -1 : 0;
  }

  stateOf(i, passing) {
    const { store } = this;
    return (
      (passing[i] ? PASSES : 0) |
      (store.selected[i] ? SELECTED : 0) |
      (store.edited(i) ? CHANGED : 0) |
      (store.flagged(i) ? FLAGGED : 0)
    );
  }

  /** Rows were relabelled: update their state, and their colour if colours show labels. */
  touch(rows) {
    const { store } = this,
      { passing } = store.filter;
    for (const row of rows) {
      this.states[row] = this.stateOf(row, passing);
      if ((this.by === "label" || this.by === "verdict") && this.legend.kind !== "hidden") {
        const code = store.values(this.by)[row];
        this.levels[row] = code < 0 ? 255 : code % 254;
      }
    }
  }
}
