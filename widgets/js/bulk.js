/** What can be done with a whole list: accept likely suggestions of a selection, or ask for the queue in another order. */
import { fillSelect, h } from "./dom.js";
import { count, probability } from "./format.js";
import { offeredOrders, ORDERS } from "./orders.js";

const LEVELS_OF_TRUST = [0.5, 0.8, 0.9, 0.95, 0.99];
/** A second click within this time confirms, ms. */
const ARMED = 4000;

export class Bulk {
  /** @param {{store: object, actions: object, onOrder: Function, onRank: Function}} options */
  constructor(options) {
    Object.assign(this, options, { armed: 0 });
    const { store } = this;
    this.least = h("select", { "aria-label": "least probability of a suggestion", onchange: () => this.show() });
    fillSelect(this.least, [["", LEVELS_OF_TRUST.map((p) => [String(p), `p ≥ ${probability(p)}`])]], "0.9");
    this.button = h("button", { type: "button", class: "lw-button", onclick: () => this.accept() });
    this.accepting = h("span", { class: "lw-bulk" }, this.button, this.least);
    this.order = h("select", { "aria-label": "order of the queue", onchange: () => this.reorder(this.order.value) });
    this.rebase(store.meta.queue_order || "suspicion");
    this.rank = h("button", {
      type: "button",
      class: "lw-button",
      text: "Rank again",
      title: "rank all examples anew; the detector learns from your verdicts",
      onclick: () => this.rankAgain(),
    });
    this.ordering = h("span", { class: "lw-bulk" }, this.order, store.meta.doubted !== false && this.rank);
    this.el = h("span", { class: "lw-gallery-actions" }, this.accepting, this.ordering);
    for (const topic of ["list", "mask", "labels"]) store.on(topic, () => this.later());
    this.show();
  }

  later() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.show());
  }

  show() {
    const { store } = this;
    clearTimeout(this.armed);
    this.armed = 0;
    this.accepting.hidden = store.list !== "selection";
    this.ordering.hidden = store.list !== "queue";
    if (this.accepting.hidden) return;
    const ready = this.actions.acceptable(Number(this.least.value)).length;
    this.button.textContent = ready === 1 ? "Accept 1 suggestion" : `Accept ${count(ready)} suggestions`;
    this.button.disabled = !ready;
    this.button.classList.remove("lw-primary");
  }

  /** The first click says what will happen, the second does it. */
  accept() {
    const least = Number(this.least.value);
    if (!this.armed) {
      this.button.textContent = `Relabel ${count(this.actions.acceptable(least).length)}? Click again`;
      this.button.classList.add("lw-primary");
      this.armed = setTimeout(() => this.show(), ARMED);
      return;
    }
    clearTimeout(this.armed);
    this.actions.acceptSelection(least);
  }

  /** This order is in force: the one to begin with, or one that Python set. */
  rebase(name) {
    fillSelect(this.order, [["", offeredOrders(this.store.meta.queues || Object.keys(ORDERS), name)]], name);
  }

  rankAgain() {
    this.rank.disabled = true;
    this.rank.textContent = "ranking…";
    this.onRank();
  }

  reorder(name) {
    if (name === "audit") this.onAudit();
    else this.onReorder(name);
  }

  destroy() {
    clearTimeout(this.armed);
    cancelAnimationFrame(this.frame);
  }
}
