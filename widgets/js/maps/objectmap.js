/**
 * A map of objects over the maps of examples: each point is a box with an embedding. A click shows its picture with the
 * object in focus; an outline selects the examples of the objects inside.
 */
import { arrayOf, extent } from "../base/bits.js";
import { levelsOf, levelsOfCodes, classTable, scoreTable } from "../base/color.js";
import { h } from "../base/dom.js";
import { probability } from "../base/format.js";
import { swatch } from "./legend.js";
import { PointMap } from "./map.js";
import { PASSES } from "./points_gl.js";
/** @import { Explorer } from "../main.js" */
/** @import { ObjectsAnswer } from "../state/messages.js" */

/** Classes or kinds of error listed beside the map. */
const LISTED = 12;
/** What colours show, by the name in the menu. */
const COLORS = ["class", "P(wrong)", "kind of error"];

/** @typedef {ObjectsAnswer & { rows: Int32Array, xy: Float32Array, codes: Int16Array, p: Float32Array, errors: Int16Array }} Objects */

/** The objects of an answer. @param {ObjectsAnswer} body @param {DataView<ArrayBuffer>[]} buffers @returns {Objects} */
export function objectsOf(body, buffers) {
  const [rows, xy, codes, p, errors] = buffers;
  return {
    ...body,
    rows: arrayOf(Int32Array, rows),
    xy: arrayOf(Float32Array, xy),
    codes: arrayOf(Int16Array, codes),
    p: arrayOf(Float32Array, p),
    errors: arrayOf(Int16Array, errors),
  };
}

class ObjectMap {
  /** @param {Explorer} view */
  constructor(view) {
    this.view = view;
    /** @type {Objects | null} */
    this.objects = null;
    /** @type {PointMap | null} */
    this.map = null;
    this.by = COLORS[0];
    this.said = h("span", { class: "lw-quiet lw-num lw-clip" });
    this.names = h("span", { class: "lw-legend lw-clip" });
    this.menu = h(
      "select",
      { class: "lw-select", "aria-label": "colour of the objects", onchange: () => this.colorBy(this.menu.value) },
      ...COLORS.map((name) => h("option", { value: name, text: name })),
    );
    this.place = h("div", { class: "lw-object-map" });
    this.button = h("button", { type: "button", class: "lw-button", text: "Objects", title: "map of the objects", "aria-pressed": "false", onclick: () => this.toggle() });
    this.el = h(
      "section",
      { class: "lw-cover lw-objects-cover", role: "region", "aria-label": "map of the objects", hidden: true },
      h("div", { class: "lw-row lw-cover-head" }, this.menu, this.said, this.names, h("span", { class: "lw-space" }), h("button", { type: "button", class: "lw-icon", text: "×", title: "close", "aria-label": "close the map of the objects", onclick: () => this.toggle(false) })),
      this.place,
    );
  }

  /** Returns whether that changed anything. */
  toggle(open = Boolean(this.el.hidden)) {
    const was = !this.el.hidden;
    this.el.hidden = !open;
    this.button.setAttribute("aria-pressed", String(open));
    if (open && !this.objects) this.load().catch(this.view.fail);
    else if (open) this.map?.resize();
    if (!open && was) this.view.focus();
    return was !== open;
  }

  async load() {
    this.said.textContent = "projecting…";
    const { body, buffers } = await this.view.wire.ask("objects", {});
    this.objects = objectsOf(body, buffers);
    this.draw(this.objects);
  }

  /** @param {Objects} objects */
  draw(objects) {
    const { view } = this,
      n = objects.rows.length,
      passing = new Uint8Array(n).fill(1);
    this.paint = { levels: new Uint8Array(n), states: new Uint8Array(n).fill(PASSES), table: new Uint8Array(0), rise: 0 };
    const store = { n, row: -1, selectedCount: 0, selected: new Uint8Array(n), neighborsOf: null, filter: { passing, active: false }, hides: () => false, clearSelection: () => view.store.clearSelection() };
    const map = new PointMap({
      store: /** @type {any} */ (store), // of objects instead of examples
      paint: /** @type {any} */ (this.paint),
      tools: view.toolbar,
      theme: view.theme,
      title: "map of the objects",
      webgl: view.model.get("webgl") !== false,
      onPick: (at) => this.pick(at),
      onHover: (at) => (this.said.textContent = at < 0 ? objects.note : this.words(at)),
      onSelect: (mask, how) => view.selectFromMap(this.examples(mask), how),
    });
    this.map = map;
    this.place.replaceChildren(map.el);
    const xs = objects.xy.filter((_, i) => i % 2 === 0),
      ys = objects.xy.filter((_, i) => i % 2);
    map.resize();
    this.colorBy(this.by);
    map.setData(xs, ys, [extent(xs), extent(ys)]);
    this.said.textContent = objects.note;
    this.watch = new ResizeObserver(() => map.resize());
    this.watch.observe(map.stage);
    view.store.on("cursor", () => this.mark());
  }

  /** @param {string} name */
  colorBy(name) {
    const { objects, map, paint, view } = this,
      { grey, dark } = view.theme();
    this.by = name;
    if (!objects || !map || !paint) return;
    if (name === "P(wrong)") {
      paint.levels = levelsOf(objects.p, 0, 1);
      paint.table = scoreTable({ suspicious: "high", dark, scheme: "viridis" }, grey);
      paint.rise = 1;
      this.names.replaceChildren(h("span", { class: "lw-quiet", text: "brighter is more likely wrong" }));
    } else {
      const own = name === "class",
        codes = own ? objects.codes : objects.errors,
        names = own ? view.store.space : objects.kinds,
        colors = view.paint.classColors(names.length);
      paint.levels = levelsOfCodes(codes);
      paint.table = classTable(colors, grey);
      paint.rise = 0;
      this.names.replaceChildren(...names.slice(0, LISTED).map((one, code) => h("span", {}, swatch(colors[code % colors.length]), one)));
    }
    map.recolor();
  }

  /** @param {number} at */
  words(at) {
    const { objects, view } = this;
    if (!objects) return "";
    const { codes, p, errors, kinds } = objects,
      kind = errors[at] < 0 ? "" : ` · ${kinds[errors[at]]}`;
    return `${codes[at] < 0 ? "none" : view.store.space[codes[at]]}${Number.isFinite(p[at]) ? ` · P(wrong) ${probability(p[at])}` : ""}${kind}`;
  }

  /** Show the picture of an object, with it in focus. @param {number} at */
  pick(at) {
    const { objects, view } = this;
    if (!objects) return;
    const row = objects.rows[at],
      key = objects.keys[at];
    view.store.unitPicked = { row, key };
    if (view.store.row === row) view.inspector.editor.focusOn?.(key);
    else view.store.goTo(row);
    this.mark();
  }

  /** Mark the object in focus. */
  mark() {
    const { objects, map, view } = this,
      { row, key } = view.store.unitPicked;
    if (!objects || !map) return;
    map.store.row = view.store.row === row ? objects.rows.findIndex((one, at) => one === row && objects.keys[at] === key) : -1;
    map.redrawOver();
  }

  /** The examples of objects. @param {Uint8Array} mask */
  examples(mask) {
    const out = new Uint8Array(this.view.store.n);
    mask.forEach((inside, at) => {
      if (inside && this.objects) out[this.objects.rows[at]] = 1;
    });
    return out;
  }

  destroy() {
    this.watch?.disconnect();
    this.map?.destroy();
  }
}

/** @param {Explorer} view */
export function objectMapFeature(view) {
  const { store } = view;
  if (!store.meta.objects || store.locked || store.blind) return;
  const map = new ObjectMap(view);
  view.addToHead(map.button);
  view.addCover(map.el);
  view.registry.onEscape(() => map.toggle(false));
  view.registry.onEnd(() => map.destroy());
}
