/** Base of a panel beside the filters that lists what Python counts from the current labels. */
import { h } from "../base/dom.js";

/** If an answer took longer than this (ms), it is repeated only by a button. */
const QUICK = 1000;

/**
 * @typedef {{ store: import("../state/store.js").Store, wire: import("../state/wire.js").Wire,
 *   showSlice: (mask: Uint8Array, name: string, unit?: string) => void, fail: (error: Error) => void }} PanelOptions
 */

/** A subclass has `request`, which asks Python, and `fill`, which draws the answer. */
export class CountedPanel {
  /**
   * @param {PanelOptions} options @param {{ name: string, mark: string, tools?: HTMLElement[] }} look label, CSS class,
   *   and elements above the list
   */
  constructor({ store, wire, showSlice, fail }, { name, mark, tools = [] }) {
    this.store = store;
    this.wire = wire;
    this.showSlice = showSlice;
    this.fail = fail;
    this.asked = 0;
    this.took = 0;
    this.stale = true;
    this.again = h("button", { type: "button", class: "lw-link", text: "count again", title: "labels have changed since this was counted", hidden: true, onclick: () => this.ask() });
    this.list = h("div", { class: "lw-sets-list" });
    this.how = h("p", { class: "lw-how lw-quiet" });
    this.el = h(
      "div",
      { class: `lw-side lw-sets ${mark}`, role: "tabpanel", "aria-label": name, hidden: true },
      h("div", { class: "lw-row" }, ...tools, h("span", { class: "lw-space" }), this.again),
      this.list,
      this.how,
    );
    this.store.on("labels", () => {
      this.stale = true;
    });
    this.store.on("history", () => {
      if (!this.el.hidden) this.draw(); // what was decided is saved
    });
  }

  /** Ask Python. @returns {Promise<any>} */
  async request() {}

  /** Draw the answer. @param {any} _body */
  fill(_body) {}

  /** The panel is displayed: count if nothing was counted yet, or if labels have changed and counting is fast. */
  draw() {
    if (!this.stale) return;
    if (this.took > QUICK) this.again.hidden = false;
    else if (!this.store.pending) this.ask();
  }

  async ask() {
    const asked = ++this.asked,
      begun = performance.now();
    this.stale = false;
    this.again.hidden = true;
    if (!this.list.children.length) this.how.textContent = "counting…";
    try {
      const body = await this.request();
      if (asked !== this.asked) return;
      this.took = performance.now() - begun;
      this.fill(body);
    } catch (error) {
      this.how.textContent = "";
      this.fail(/** @type {Error} */ (error));
    }
  }
}
