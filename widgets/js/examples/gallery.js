/** The strip of examples: queue, selection, neighbours or all examples, one page at a time. */
import { h, iconButton, rootOf } from "../base/dom.js";
import { count, probability } from "../base/format.js";
import { emptyQueue } from "../state/orders.js";
/** @import { Rows } from "../base/bits.js" */

/** @type {Record<string, string>} */
const TITLES = { queue: "queue", all: "all", selection: "selection", neighbors: "neighbours" };

export class Gallery {
  /**
   * @param {{ store: import("../state/store.js").Store, media: import("./media.js").Media, editor: import("../editors.js").Editor,
   *   bulk: import("../review/bulk.js").Bulk, onPick: (row: number) => void, onToggle: (row: number) => void, fail: (error: Error) => void }} options
   */
  constructor({ store, media, editor, bulk, onPick, onToggle, fail }) {
    this.store = store;
    this.media = media;
    this.editor = editor;
    this.bulk = bulk;
    this.onPick = onPick;
    this.onToggle = onToggle;
    this.fail = fail;
    this.start = 0;
    this.perPage = 12;
    this.wanted = 0;
    this.frame = 0;
    this.hidden = false;
    this.shown = ""; // the rows of the cards, once they are drawn
    this.tabs = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "examples" });
    this.pager = h("span", { class: "lw-num lw-quiet" });
    this.back = iconButton("left", "previous examples", () => this.page(-1));
    this.forth = iconButton("right", "next examples", () => this.page(1));
    this.strip = h("div", { class: `lw-strip lw-strip-${this.media.shape}`, role: "listbox", "aria-label": "examples" });
    this.el = h(
      "section",
      { class: "lw-gallery", "aria-label": "gallery" },
      h(
        "div",
        { class: "lw-row" },
        this.tabs,
        this.bulk.el,
        h("span", { class: "lw-space" }),
        this.pager,
        this.back,
        this.forth,
      ),
      this.strip,
    );
    store.on("list", () => {
      this.start = 0;
      this.follow();
    });
    store.on("mask", ({ filter }) => {
      if (filter && store.list !== "selection") {
        this.start = 0;
      }
      this.redraw();
    });
    store.on("cursor", () => this.follow(true));
    store.on("pictures", () => this.redraw());
    store.on("labels", (rows) => this.relabelled(rows));
  }

  /** Leave only the orders of the queue: the grid, which is always open without maps, shows the same examples. */
  hideCards() {
    this.hidden = true;
    this.el.classList.add("lw-only-orders");
  }

  /** Number of examples that fit the width. */
  resize() {
    const width = this.strip.clientWidth,
      one = this.media.kind === "image" ? 74 : 158;
    const fits = Math.max(1, Math.floor((width + 6) / one));
    if (fits !== this.perPage) {
      this.perPage = fits;
      this.follow();
    }
  }

  /** @param {number} by */
  page(by) {
    const rows = this.store.rows();
    this.start = Math.max(
      0,
      Math.min(Math.floor(Math.max(0, rows.length - 1) / this.perPage) * this.perPage, this.start + by * this.perPage),
    );
    this.redraw();
  }

  /** Show the page with the current row. @param {boolean} [kept] cards of the same rows can stay */
  follow(kept = false) {
    const at = this.store.rows().indexOf(this.store.row);
    if (at >= 0) this.start = Math.floor(at / this.perPage) * this.perPage;
    if (kept && !this.frame && this.shown && this.shown === this.listed().join()) this.mark();
    else this.redraw();
  }

  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** The rows of the page. */
  listed() {
    return Array.from(this.store.rows().slice(this.start, this.start + this.perPage));
  }

  /** Move the mark of the current row: new cards would decode and lay out all their pictures again. */
  mark() {
    const { store, strip } = this,
      focused = strip.contains(rootOf(strip).activeElement);
    this.drawTabs();
    for (const el of strip.querySelectorAll("button")) {
      const row = Number(el.dataset.row),
        current = row === store.row;
      el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
      if ((el.getAttribute("aria-selected") === "true") === current) continue;
      el.setAttribute("aria-selected", String(current));
      el.tabIndex = current ? 0 : -1;
      if (store.blind) el.lastElementChild?.replaceWith(this.caption(row)); // shown only of the current row
      if (focused && current) el.focus({ preventScroll: true });
    }
  }

  draw() {
    this.frame = 0;
    const { store } = this,
      rows = store.rows(),
      page = this.listed();
    if (this.hidden) return;
    this.shown = page.join();
    this.drawTabs();
    this.pager.textContent = rows.length
      ? `${count(this.start + 1)}–${count(this.start + page.length)} of ${count(rows.length)}`
      : "";
    this.back.disabled = this.start === 0;
    this.forth.disabled = this.start + this.perPage >= rows.length;
    if (!page.length) {
      this.strip.replaceChildren(h("span", { class: "lw-empty-line", text: this.nothing() }));
      return;
    }
    const focused = this.strip.contains(rootOf(this.strip).activeElement);
    this.strip.replaceChildren(...page.map((row) => this.card(row)));
    if (focused) /** @type {HTMLElement | null} */ (this.strip.querySelector("[aria-selected=true]"))?.focus({ preventScroll: true }); // new cards, same place
    this.fill(page);
  }

  nothing() {
    const { store } = this;
    if (store.list === "selection") return "Nothing selected: draw around points in a map.";
    if (store.filter.active && store.lists.queue.length) return "No example in this list matches the filters.";
    return store.emptyBecause || emptyQueue(store, this.bulk.order.value);
  }

  drawTabs(tabs = this.tabs) {
    const { store } = this;
    const shown = Object.keys(store.lists).filter((name) => name === "queue" || store.lists[name].length);
    tabs.replaceChildren(
      ...shown.map((name) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            "aria-selected": String(name === store.list),
            onclick: () => store.showList(name),
          },
          h("span", { text: TITLES[name] || name }),
          h("span", { class: "lw-num", text: ` ${count(store.rows(name).length)}` }),
        ),
      ),
    );
  }

  /** @param {number} row */
  card(row) {
    const { store } = this,
      current = row === store.row;
    const el = h(
      "button",
      {
        type: "button",
        class: "lw-card",
        role: "option",
        "aria-selected": String(current),
        "data-row": row,
        tabindex: current ? "0" : "-1",
        onclick: (event) =>
          event.shiftKey || event.ctrlKey || event.metaKey || event.altKey ? this.onToggle(row) : this.onPick(row),
      },
      h("span", { class: "lw-card-media" }, this.media.node(this.media.peek(row), "thumb")),
      this.caption(row),
    );
    el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
    return el;
  }

  /** @param {number} row */
  caption(row) {
    const { store } = this;
    const label = store.labels[row],
      changed = store.edited(row),
      verdict = store.verdict[row];
    if (store.blind && row !== store.row && !verdict)
      return h("span", { class: "lw-caption lw-quiet", text: "?", title: "label hidden until you judge it (blind mode)" });
    const mark = changed ? "✎" : verdict === 2 ? "✓" : verdict === 3 ? "…" : "";
    const name = store.className(label);
    const el = h(
      "span",
      {
        class: `lw-caption${changed ? " lw-changed" : ""}`,
        title: changed
          ? `${store.className(store.given[row])} → ${name}`
          : Number.isFinite(store.pError[row]) && !store.hides(row)
            ? `${name}, p(wrong) ${probability(store.pError[row])}`
            : name,
      },
    );
    this.editor.thumb(el, [{ value: label, most: 18 }]);
    el.append(h("span", { class: "lw-mark", text: `${mark}${store.flagged(row) ? "⚑" : ""}` }));
    return el;
  }

  /** @param {number[]} page */
  async fill(page) {
    const wanted = ++this.wanted;
    if (page.every((row) => this.media.peek(row))) {
      this.ahead();
      return;
    }
    try {
      await this.media.want(page);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
      return;
    }
    if (wanted !== this.wanted) return;
    for (const el of this.strip.querySelectorAll("button"))
      el.firstElementChild?.replaceChildren(this.media.node(this.media.peek(Number(el.dataset.row)), "thumb"));
    this.ahead();
  }

  /** Prefetch the next page. */
  ahead() {
    const next = Array.from(this.store.rows().slice(this.start + this.perPage, this.start + 2 * this.perPage));
    if (next.length)
      this.media.want(next).catch(() => {
        /* requested again, with its error shown, when the page is opened */
      });
  }

  /** @param {Rows} rows */
  relabelled(rows) {
    if (rows.length > 200) {
      this.redraw();
      return;
    }
    const changed = new Set(rows);
    for (const el of this.strip.querySelectorAll("button"))
      if (changed.has(Number(el.dataset.row))) el.lastElementChild?.replaceWith(this.caption(Number(el.dataset.row)));
  }
}
