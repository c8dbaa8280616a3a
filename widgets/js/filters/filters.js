/** The filter column: search, histograms and bars, all linked through the store's crossfilter. */
import { Bars } from "./bars.js";
import { countMask } from "../base/bits.js";
import { fillSelect, h } from "../base/dom.js";
import { count } from "../base/format.js";
import { Histogram } from "./histogram.js";
/** @import { Store } from "../state/store.js" */

/** An example query for the columns of this run. @param {Store} store */
export function queryShown({ meta, columns, classes }) {
  if (meta.doubted !== false) return "p_error > .5";
  const number = [...columns.values()].find((column) => column.kind === "number");
  if (!number) return `given_label == "${classes[0]}"`;
  return `${/^[A-Za-z_]\w*$/.test(number.name) ? number.name : `\`${number.name}\``} > 0`;
}

/** A description of the result of a search. @param {string} text @param {number} found */
export const foundBy = (text, found) => `${found ? count(found) : "nothing"} found by: ${text}`;

export class Filters {
  /**
   * @param {{ store: Store, theme: () => import("../base/color.js").Theme, paint: import("../maps/paint.js").Paint,
   *   load: (name: string) => Promise<void>, search: (text: string) => Promise<Uint8Array>, onChange: () => void,
   *   say: (text: string, kind?: string) => void, fail: (error: Error) => void }} options
   */
  constructor({ store, theme, paint, load, search, onChange, say, fail }) {
    this.store = store;
    this.theme = theme;
    this.paint = paint;
    this.load = load;
    this.search = search;
    this.onChange = onChange;
    this.say = say;
    this.fail = fail;
    /** @type {Map<string, Bars | Histogram>} */
    this.shown = new Map();
    /** @type {Map<string, number[] | null>} ranges of brushes that moved since the last frame */
    this.waiting = new Map();
    this.frame = 0;
    this.liveFrame = 0;
    this.query = "";
    this.quiet = 0;
    const query = queryShown(this.store);
    this.box = h("input", {
      type: "search",
      class: "lw-search",
      placeholder: `search, or ${query}`,
      "aria-label": `search texts and ids, or a query such as ${query}`,
      title: `words are searched in ids, texts and labels; or a query: ${query} and given_label == "${this.store.classes[0]}"`,
      onkeydown: (event) => event.key === "Enter" && this.find(),
      oninput: () => this.complain(""),
      onsearch: () => this.find(),
    });
    this.trouble = h("p", { class: "lw-trouble", role: "alert", hidden: true });
    this.summary = h("div", { class: "lw-summary" });
    this.adder = h("select", {
      class: "lw-add",
      "aria-label": "add a filter",
      onchange: () => this.add(this.adder.value),
    });
    this.list = h("div", { class: "lw-filter-list" });
    this.panel = h(
      "div",
      { class: "lw-side lw-side-filters", role: "tabpanel", "aria-label": "filters" },
      this.box,
      this.trouble,
      this.summary,
      this.list,
      this.adder,
    );
    this.el = this.panel;
    this.store.on("mask", () => this.redraw());
    this.store.on("labels", () => this.relive());
    this.store.on("space", () => this.redraw());
    this.resetAdder();
  }

  /** Show the initial filters; missing columns are skipped. @param {string[]} names */
  async start(names) {
    for (const name of names) if (this.store.columns.has(name)) await this.add(name);
  }

  resetAdder() {
    /** @param {string} kind */
    const free = (kind) =>
      [...this.store.columns.values()]
        .filter((c) => !this.shown.has(c.name) && c.kind === kind && c.categories?.length !== 0)
        .map((c) => [c.name, c.name]);
    const tags = new Map((this.store.meta.tags || []).map(({ name }) => [`tag ${name}`, name]));
    fillSelect(
      this.adder,
      [
        ["", [["", "+ add a filter…"]]],
        ["numbers", free("number")],
        ["categories", free("category").filter(([name]) => !tags.has(name))],
        ["tags", [...tags].filter(([name]) => !this.shown.has(name))],
      ],
      "",
    );
  }

  /** @param {string} name */
  async add(name) {
    if (!name || this.shown.has(name)) return this.shown.get(name);
    const { store } = this;
    try {
      await this.load(name);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
      return null;
    }
    if (this.shown.has(name)) return this.shown.get(name);
    const column = store.column(name),
      close = () => this.remove(name);
    const view =
      column.kind === "category"
        ? new Bars(
            column,
            store,
            column.classes ? () => this.paint.classColors() : null,
            (kept) => this.pick(name, kept),
            close,
          )
        : new Histogram(column, store, this.theme, (range) => this.brush(name, range), close);
    this.shown.set(name, view);
    this.list.append(view.el);
    this.resetAdder();
    this.redraw();
    return view;
  }

  /** @param {string} name */
  remove(name) {
    const view = this.shown.get(name);
    if (!view) return;
    view.el.remove();
    this.shown.delete(name);
    this.store.refilter((filter) => {
      filter.clear(name);
      filter.forget(name);
    });
    this.resetAdder();
    this.notify();
  }

  /** A brush moved. Moves within one frame are combined. @param {string} name @param {number[]|null} range */
  brush(name, range) {
    this.waiting.set(name, range);
    this.redraw();
  }

  /** Apply the brushes to the filters. */
  settle() {
    if (!this.waiting.size) return;
    const moves = [...this.waiting];
    this.waiting.clear();
    this.store.refilter((filter) => {
      for (const [name, range] of moves) {
        if (range && this.shown.has(name)) filter.range(name, this.store.loaded(name), range[0], range[1]);
        else filter.clear(name);
      }
    });
    this.notify();
  }

  /** @param {string} name @param {Set<number>|null} kept */
  pick(name, kept) {
    this.store.refilter((filter) => (kept ? filter.among(name, this.store.loaded(name), kept) : filter.clear(name)));
    this.notify();
  }

  notify() {
    if (!this.quiet) this.onChange();
  }

  /** Update filters on labels and verdicts after a decision. */
  relive() {
    const live = [...this.shown].filter(([name]) => this.store.isLive(name));
    for (const [name, view] of live) {
      const { kept } = view instanceof Bars ? view : { kept: null };
      if (kept) this.store.refilter((filter) => filter.among(name, this.store.loaded(name), kept));
    }
    cancelAnimationFrame(this.liveFrame);
    this.liveFrame = requestAnimationFrame(() => live.forEach(([, view]) => view.draw()));
  }

  /** Show the error of a query beside the box; "" for none. @param {string} text */
  complain(text) {
    this.trouble.hidden = !text;
    // signs and words are shown as code; a column keeps its backticks, since the user has to type them
    this.trouble.replaceChildren(...text.split(/`([^`\s]{1,12})`/).map((part, i) => (i % 2 ? h("code", { text: part }) : part)));
    this.box.classList.toggle("lw-bad", Boolean(text));
    this.box.setAttribute("aria-invalid", String(Boolean(text)));
  }

  /** Filter by the text of the box. An invalid query keeps the previous result. */
  async find() {
    const text = this.box.value.trim();
    if (text === this.query) {
      this.complain("");
      return;
    }
    const before = this.query;
    this.query = text;
    try {
      const mask = text ? await this.search(text) : null;
      if (this.query !== text) return;
      this.store.refilter((filter) => (mask ? filter.mask("search", mask) : filter.clear("search")));
      this.complain("");
      this.say(mask ? foundBy(text, countMask(mask)) : "");
      this.notify();
    } catch (error) {
      if (this.query !== text) return; // another search has begun
      this.query = before;
      this.complain(`${/** @type {Error} */ (error).message.replace(/^`query` /, "This query ")}${before ? ` Still shown: ${before}` : ""}`);
    }
  }

  clearAll() {
    this.restore({});
  }

  /** The filters as {column: [low, high] or [category, ...]}, the form used in Python. */
  state() {
    /** @type {Record<string, any>} */
    const out = {};
    for (const [name, view] of this.shown) {
      if (view instanceof Histogram) {
        if (view.range) out[name] = view.range;
      } else if (view.kept) out[name] = [...view.kept].sort((a, b) => a - b).map((code) => view.categories[code]);
    }
    if (this.query) out.search = this.query;
    return out;
  }

  /** Set the filters to `state`, and notify once. @param {Record<string, any>} state */
  async restore(state) {
    this.quiet++;
    try {
      for (const [name, view] of this.shown) {
        if (name in state) continue;
        if (view instanceof Histogram) {
          if (view.range) view.setRange(null);
        } else if (view.kept) view.setKept(null);
      }
      for (const [name, value] of Object.entries(state)) if (name !== "search") await this.restoreOne(name, value);
      this.settle();
      this.box.value = state.search || "";
      await this.find();
    } finally {
      this.quiet--;
    }
    this.notify();
  }

  /** @param {string} name @param {any} value */
  async restoreOne(name, value) {
    const view = await this.add(name);
    if (!view) return;
    if (view instanceof Histogram) view.setRange(value);
    else view.setKept(new Set(value.map((/** @type {string} */ v) => view.categories.indexOf(v)).filter((/** @type {number} */ code) => code >= 0)));
  }

  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.settle();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { store } = this;
    for (const view of this.shown.values()) view.draw();
    if (!store.filter.active) {
      this.summary.replaceChildren(h("span", { class: "lw-quiet", text: `${count(store.n)} shown` }));
      return;
    }
    this.summary.replaceChildren(
      h("span", { class: "lw-num lw-count", text: `${count(store.filter.passingCount)} of ${count(store.n)}` }),
      h("button", { type: "button", class: "lw-link", text: "clear filters", onclick: () => this.clearAll() }),
    );
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.liveFrame);
  }
}
