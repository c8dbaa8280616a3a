/** Two more panels beside the filters: the classes with their doubts, and which class is taken for which. */
import { hex, scoreColor } from "./color.js";
import { h, sharpContext } from "./dom.js";
import { count } from "./format.js";
import { swatch } from "./legend.js";
import { classCounts, pairCounts, topPairs } from "./orders.js";

/** A table of classes, the most doubtful share first; a click selects a class's suspects. */
export class ClassTable {
  /** @param {{store: object, paint: object, select: (test: (row: number) => boolean, name: string) => void}} options */
  constructor(options) {
    Object.assign(this, options);
    this.el = h("div", { class: "lw-side", role: "tabpanel", "aria-label": "classes", hidden: true });
  }

  draw() {
    const { store } = this,
      { given, suspected, changed, expected } = classCounts(store),
      colors = this.paint.classColors();
    const share = (c) => (given[c] ? expected[c] / given[c] : 0);
    const codes = store.classes.map((_, c) => c).sort((a, b) => share(b) - share(a));
    const head = h(
      "div",
      { class: "lw-class-row lw-quiet" },
      h("span", { text: "class" }),
      h("span", { text: "given" }),
      h("span", { text: "doubt", title: "suspected examples" }),
      h("span", { text: "wrong", title: "expected share of wrong labels" }),
    );
    this.el.replaceChildren(
      head,
      ...codes.map((c) =>
        h(
          "button",
          {
            type: "button",
            class: "lw-class-row",
            title: `${store.classes[c]}: ${count(suspected[c])} suspected of ${count(given[c])}, ${count(changed[c])} changed. Click to select the suspected ones.`,
            onclick: () =>
              this.select((row) => store.issue[row] && store.given[row] === c, `suspected of ${store.classes[c]}`),
          },
          h(
            "span",
            { class: "lw-bar-name" },
            swatch(colors[c]),
            h("span", { class: "lw-clip", text: store.classes[c] }),
          ),
          h("span", { class: "lw-num", text: count(given[c]) }),
          h("span", { class: "lw-num", text: count(suspected[c]) }),
          h("span", { class: "lw-num", text: `${(100 * share(c)).toFixed(share(c) < 0.1 ? 1 : 0)}%` }),
        ),
      ),
    );
  }
}

/** Suspects by given and suggested class: a matrix to point at and the same as a list. */
export class PairPanel {
  constructor(options) {
    Object.assign(this, options);
    this.canvas = h("canvas", {
      class: "lw-matrix",
      role: "img",
      "aria-label": "suspects by given class (rows) and suggested class (columns); the list below holds the same",
      onpointermove: (event) => this.point(event),
      onpointerleave: () => this.point(null),
      onclick: (event) => this.pick(event),
    });
    this.readout = h("div", { class: "lw-readout lw-quiet" });
    this.list = h("div", { class: "lw-pairs" });
    this.el = h(
      "div",
      { class: "lw-side", role: "tabpanel", "aria-label": "class pairs", hidden: true },
      h("div", { class: "lw-quiet", text: "given ↓  suggested →" }),
      this.canvas,
      this.readout,
      this.list,
    );
  }

  draw() {
    const { store } = this,
      k = store.classes.length,
      colors = this.paint.classColors();
    this.counts = pairCounts(store);
    const pairs = topPairs(this.counts, k);
    this.readout.textContent = pairs.length ? "click a cell to select it" : "no suspects, so no pairs";
    this.list.replaceChildren(
      ...pairs.map(([a, b, total]) =>
        h(
          "button",
          {
            type: "button",
            class: "lw-pair",
            title: `given ${store.classes[a]}, suggested ${store.classes[b]}`,
            onclick: () => this.choose(a, b),
          },
          swatch(colors[a]),
          h("span", { class: "lw-clip", text: store.classes[a] }),
          h("span", { class: "lw-quiet", text: "→" }),
          swatch(colors[b]),
          h("span", { class: "lw-clip", text: store.classes[b] }),
          h("span", { class: "lw-num", text: count(total) }),
        ),
      ),
    );
    this.paintMatrix(k);
  }

  paintMatrix(k) {
    const size = Math.min(this.canvas.clientWidth || 160, 260);
    this.canvas.style.height = `${size}px`;
    const c = sharpContext(this.canvas, this.canvas.clientWidth, size),
      theme = this.theme(),
      cell = size / k,
      gap = cell > 8 ? 1 : 0;
    const most = Math.sqrt(Math.max(1, ...this.counts));
    for (let a = 0; a < k; a++)
      for (let b = 0; b < k; b++) {
        const total = this.counts[a * k + b];
        c.fillStyle =
          a === b
            ? hex(theme.line)
            : total
              ? hex(scoreColor(0.25 + (0.75 * Math.sqrt(total)) / most, { dark: theme.dark }))
              : hex(theme.faint);
        c.fillRect(b * cell, a * cell, cell - gap, cell - gap);
        if (total && cell >= 15)
          this.writeCount(c, total, b * cell + cell / 2, a * cell + cell / 2, Math.sqrt(total) / most > 0.45);
      }
    this.cell = cell;
  }

  writeCount(c, total, x, y, strong) {
    const dark = this.theme().dark;
    c.fillStyle = strong !== dark ? "#fff" : "#000";
    c.font = "10px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(String(total), x, y);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect(),
      k = this.store.classes.length;
    const a = Math.floor((event.clientY - box.top) / this.cell),
      b = Math.floor((event.clientX - box.left) / this.cell);
    return a >= 0 && b >= 0 && a < k && b < k && a !== b ? [a, b] : null;
  }

  point(event) {
    const hit = event && this.at(event),
      { classes } = this.store;
    this.readout.textContent = hit
      ? `${classes[hit[0]]} → ${classes[hit[1]]}: ${count(this.counts[hit[0] * classes.length + hit[1]])}`
      : "click a cell to select it";
  }

  pick(event) {
    const hit = this.at(event);
    if (hit) this.choose(...hit);
  }

  choose(a, b) {
    const { store } = this;
    this.select(
      (row) => store.issue[row] && store.given[row] === a && store.suggested[row] === b,
      `given ${store.classes[a]}, suggested ${store.classes[b]}`,
    );
  }
}

/** Both panels as tabs beside the filters. @param {object} view */
export function classesFeature(view) {
  const { store, paint, theme } = view;
  const select = (test, name) => {
    const mask = new Uint8Array(store.n);
    for (let i = 0; i < store.n; i++) mask[i] = test(i) ? 1 : 0;
    view.lens(mask, name);
  };
  const classes = new ClassTable({ store, paint, theme, select }),
    pairs = new PairPanel({ store, paint, theme, select });
  view.addTab("classes", classes.el, () => classes.draw());
  view.addTab("pairs", pairs.el, () => pairs.draw());
}
