/** Many examples at once, over the maps: a grid that scrolls through a whole list and renders only its visible part. */
import { h } from "../base/dom.js";
import { count, probability } from "../base/format.js";
import { capOf } from "../base/keys.js";

const TILE_SIZES = { least: 56, most: 240, first: 104 };
const TILE_GAP = 6;
/** Height of the caption under a picture: class and probability. */
const TILE_CAPTION = 34;
/** Larger pictures are requested above this width. */
const LARGE_FROM = 110;
/** Time without scrolling after which pictures are requested, ms. */
const SCROLL_REST = 60;
/** Maximum number of examples to scroll through; browsers limit the height of an element. */
export const MOST_TILES = 200_000;

/**
 * Layout of a grid of `n` tiles: {columns, rows, tall (height of a row), height}.
 * @param {number} n @param {number} width @param {number} size
 */
export function layoutOf(n, width, size, caption = TILE_CAPTION) {
  const columns = Math.max(1, Math.floor((width + TILE_GAP) / (size + TILE_GAP)));
  const rows = Math.ceil(n / columns),
    tall = size + caption + TILE_GAP;
  return { columns, rows, tall, height: rows * tall };
}

/**
 * First and last index (exclusive) of the visible tiles, with one more row on each side.
 * @param {{ columns: number, rows: number, tall: number }} options @param {number} top @param {number} height @param {number} n
 */
export function seenOf({ columns, rows, tall }, top, height, n) {
  const first = Math.max(0, Math.floor(top / tall) - 1),
    last = Math.min(rows, Math.ceil((top + height) / tall) + 1);
  return [first * columns, Math.min(n, last * columns)];
}

export class Grid {
  /** @param {import("../main.js").Explorer} view */
  constructor(view) {
    const { maps, no_data_map } = view.store.meta;
    /** The reason why there are no maps and the grid is shown instead; "" if there are maps. */
    this.alone = maps.includes(true) ? "" : no_data_map;
    this.view = view;
    this.open = false;
    this.size = TILE_SIZES.first;
    this.anchor = -1;
    this.frame = 0;
    this.wanted = 0;
    this.timer = 0;
    this.tabs = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "examples in the grid" });
    this.said = h("span", { class: "lw-quiet lw-num" });
    this.slider = h("input", {
      type: "range",
      class: "lw-grid-size",
      min: TILE_SIZES.least,
      max: TILE_SIZES.most,
      step: 4,
      "aria-label": "size of the pictures",
      title: "size of the pictures (+ and −)",
      value: TILE_SIZES.first,
      oninput: () => this.resize(Number(this.slider.value)),
      onchange: () => view.focus(),
    });
    this.all = h("button", { type: "button", class: "lw-link", text: "select all", onclick: () => this.selectAll() });
    this.sheet = h("div", { class: "lw-grid-sheet" });
    this.space = h("div", { class: "lw-grid-space" }, this.sheet);
    this.scroller = h("div", { class: "lw-grid-scroller", tabindex: "0", role: "group", "aria-label": "examples", onscroll: () => this.scrolled() }, this.space);
    /** @type {{ width: number, height: number } | null} size of the visible part, measured once: asking computes a layout */
    this.measured = null;
    this.top = 0;
    if (typeof ResizeObserver !== "undefined")
      new ResizeObserver(() => {
        this.measured = null;
        this.scrolled();
      }).observe(this.scroller);
    this.el = h(
      "section",
      { class: "lw-cover lw-grid", role: "region", "aria-label": "grid of examples", hidden: true },
      h(
        "div",
        { class: "lw-row lw-cover-head" },
        this.tabs,
        this.said,
        h("span", { class: "lw-space" }),
        this.alone ? h("span", { class: "lw-quiet lw-clip lw-no-maps", text: this.alone, title: this.alone }) : null,
        this.all,
        this.slider,
        this.alone ? null : h("button", { type: "button", class: "lw-icon", text: "×", title: "close", "aria-label": "close the grid", onclick: () => this.close() }),
      ),
      this.scroller,
    );
  }

  toggle() {
    if (this.open) this.close();
    else this.show();
  }

  show() {
    this.open = true;
    this.el.hidden = false;
    this.drawTabs();
    this.follow();
  }

  /** Close the grid; returns false if it was not open, or if there are no maps under it. */
  close() {
    const was = this.open;
    if (this.alone) return false;
    this.open = false;
    this.el.hidden = true;
    clearTimeout(this.timer);
    this.sheet.replaceChildren();
    return was;
  }

  get seen() {
    return (this.measured ||= { width: this.scroller.clientWidth, height: this.scroller.clientHeight });
  }

  scrolled() {
    this.top = this.scroller.scrollTop;
    this.redraw();
  }

  /** Rows of the current list. */
  rows() {
    const rows = this.view.store.rows();
    return rows.length > MOST_TILES ? rows.slice(0, MOST_TILES) : rows;
  }

  layout(n = this.rows().length) {
    return layoutOf(n, this.seen.width - 2 * TILE_GAP, this.size);
  }

  /** @param {number} size */
  resize(size) {
    this.size = Math.max(TILE_SIZES.least, Math.min(TILE_SIZES.most, Math.round(size)));
    this.slider.value = String(this.size);
    this.follow();
  }

  /** @param {number} factor */
  resizeBy(factor) {
    this.resize(this.size * factor);
  }

  /* ---- drawing ---- */

  redraw() {
    if (this.open && !this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if (!this.open) return;
    const { store } = this.view,
      rows = this.rows(),
      lay = this.layout(rows.length);
    const [first, last] = seenOf(lay, this.top, this.seen.height, rows.length);
    this.space.style.height = `${lay.height + TILE_GAP}px`;
    this.sheet.style.transform = `translateY(${(first / lay.columns) * lay.tall + TILE_GAP}px)`;
    this.sheet.style.setProperty("grid-template-columns", `repeat(${lay.columns}, minmax(0, 1fr))`);
    this.sheet.style.setProperty("--lw-tile", `${this.size}px`);
    const page = Array.from(rows.slice(first, last));
    if (page.length) this.sheet.replaceChildren(...page.map((row) => this.tile(row)));
    else this.sheet.replaceChildren(h("span", { class: "lw-empty-line", text: this.view.gallery.nothing() }));
    const more = store.rows().length > MOST_TILES ? `the first ${count(MOST_TILES)} of ${count(store.rows().length)}` : "";
    this.said.textContent = [more, store.selectedCount && `${count(store.selectedCount)} selected`].filter(Boolean).join(" · ");
    this.all.hidden = !page.length;
    this.fill(page);
  }

  get shelf() {
    const { view } = this;
    return this.size > LARGE_FROM && view.media.large ? view.media.large : view.media;
  }

  /** @param {number} row */
  item(row) {
    return this.shelf.peek(row) || this.view.media.peek(row);
  }

  /** @param {number} row */
  tile(row) {
    const { store } = this.view,
      current = row === store.row;
    const el = h(
      "button",
      {
        type: "button",
        class: "lw-tile",
        "data-row": row,
        "aria-label": `example ${this.item(row)?.id ?? row}${store.blind && !store.verdict[row] ? "" : `, ${store.className(store.labels[row])}`}`,
        "aria-pressed": String(Boolean(store.selected[row])),
        tabindex: current ? "0" : "-1",
        onclick: (event) => this.click(row, event),
      },
      h("span", { class: "lw-tile-media" }, this.view.media.node(this.item(row), "thumb")),
      this.view.gallery.caption(row),
      h("span", { class: "lw-num lw-quiet lw-tile-p", text: this.doubt(row) }),
    );
    el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
    if (current) el.setAttribute("aria-current", "true");
    return el;
  }

  /** @param {number} row */
  doubt(row) {
    const { store } = this.view;
    return Number.isFinite(store.pError[row]) && !store.hides(row) ? `p(wrong) ${probability(store.pError[row])}` : "";
  }

  /** @param {number[]} page */
  async fill(page) {
    const wanted = ++this.wanted,
      { shelf } = this;
    clearTimeout(this.timer);
    if (page.every((row) => shelf.peek(row))) return;
    await new Promise((resolve) => (this.timer = setTimeout(resolve, SCROLL_REST)));
    if (wanted !== this.wanted || !this.open) return;
    try {
      await shelf.want(page);
    } catch (error) {
      this.view.fail(error);
      return;
    }
    if (wanted !== this.wanted) return;
    for (const el of this.sheet.querySelectorAll("button"))
      el.firstElementChild?.replaceChildren(this.view.media.node(this.item(Number(el.dataset.row)), "thumb"));
  }

  /** The lists, as in the gallery below. */
  drawTabs() {
    this.view.gallery.drawTabs(this.tabs);
  }

  /** Scroll to the current example if it is not visible. */
  follow() {
    if (!this.open) return;
    const rows = this.rows(),
      at = rows.indexOf(this.view.store.row),
      lay = this.layout(rows.length);
    this.space.style.height = `${lay.height + TILE_GAP}px`;
    if (at >= 0) {
      const top = Math.floor(at / lay.columns) * lay.tall,
        { scrollTop, clientHeight } = this.scroller;
      if (top < scrollTop) this.scroller.scrollTop = top;
      else if (top + lay.tall + TILE_GAP > scrollTop + clientHeight) this.scroller.scrollTop = top + lay.tall + TILE_GAP - clientHeight;
      this.top = this.scroller.scrollTop;
    }
    this.redraw();
  }

  /* ---- mouse and keys ---- */

  /**
   * A click shows an example, a double click enlarges it; Shift selects a range, Ctrl or Cmd adds or removes one.
   * @param {number} row @param {MouseEvent} event
   */
  click(row, event) {
    const { store, lightbox } = this.view;
    if (event.shiftKey) {
      this.selectRange(row);
      return;
    }
    this.anchor = row;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      const mask = store.selected.slice();
      mask[row] ^= 1;
      store.setSelection(mask, { stay: true });
      return;
    }
    store.goTo(row);
    if (event.detail === 2) lightbox?.show();
  }

  /** @param {number} row */
  selectRange(row) {
    const { store } = this.view,
      rows = this.rows();
    const [a, b] = [rows.indexOf(this.anchor < 0 ? store.row : this.anchor), rows.indexOf(row)];
    const mask = store.selected.slice();
    for (const one of a < 0 ? [row] : rows.slice(Math.min(a, b), Math.max(a, b) + 1)) mask[one] = 1;
    store.setSelection(mask, { stay: true });
    this.view.say(`${count(store.selectedCount)} selected`);
  }

  selectAll() {
    const { store } = this.view,
      mask = new Uint8Array(store.n);
    for (const row of this.rows()) mask[row] = 1;
    store.setSelection(mask, { stay: true });
    this.view.say(`${count(store.selectedCount)} selected`);
  }

  /** Arrow keys move in two dimensions; with Shift they select. @param {KeyboardEvent} event */
  key(event) {
    // elsewhere, keys act as with maps
    if (this.alone && !this.el.contains(/** @type {Node | null} */ (event.target))) return false;
    if (!this.open || this.view.lightbox?.open || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { columns } = this.layout(),
      page = columns * Math.max(1, Math.floor(this.scroller.clientHeight / this.layout().tall));
    const by = { ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter") {
      this.view.lightbox?.show();
      return true;
    }
    if (by === undefined) return false;
    const { store } = this.view,
      rows = this.rows(),
      at = rows.indexOf(store.row);
    if (!rows.length) return true;
    if (!event.shiftKey) this.anchor = -1;
    else if (this.anchor < 0) this.anchor = store.row;
    const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
    store.goTo(next);
    if (event.shiftKey) this.selectRange(next);
    else this.anchor = next;
    return true;
  }

  destroy() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }
}

/** @param {import("../main.js").Explorer} view */
export function gridFeature(view) {
  const { store, registry, gallery, keymap } = view;
  const grid = (view.grid = new Grid(view));
  view.addCover(grid.el);
  const cap = capOf(keymap, "grid");
  gallery.pager.before(
    h("button", { type: "button", class: "lw-button lw-grid-button", hidden: Boolean(grid.alone), title: "a grid of many examples", onclick: () => grid.toggle() }, "Grid", cap && h("kbd", { text: cap })),
  );
  if (grid.alone) {
    gallery.hideCards();
    registry.on("ready", () => grid.show());
  }
  registry.onAction("grid", () => grid.toggle());
  registry.onKey((event) => grid.key(event));
  registry.onEscape(() => grid.close());
  store.on("list", () => {
    if (grid.open) grid.drawTabs();
    grid.anchor = -1;
    grid.follow();
  });
  store.on("mask", () => {
    if (grid.open) grid.drawTabs();
    grid.redraw();
  });
  store.on("cursor", () => grid.follow());
  store.on("labels", () => grid.redraw());
  registry.on("layout", () => grid.redraw());
  registry.on("theme", () => grid.redraw());
  registry.onEnd(() => grid.destroy());
}
