/** Actions on a whole list: accept likely suggestions of a selection, or reorder the queue. */
import { fillSelect, h } from "../base/dom.js";
import { count, probability } from "../base/format.js";
import { kindQueues, OF_KIND, offeredOrders, ORDERS, tagQueues } from "../state/orders.js";
import { UnitSuggestions } from "./unitsuggestions.js";

const THRESHOLDS = [0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
/** The default threshold, if any suggestion reaches it. */
const CAREFUL = 0.9;
/** A second click within this time confirms, ms. */
const ARMED = 4000;

/**
 * Useful thresholds as [level, number of suggestions at least that likely], the strictest first. A level that adds
 * nothing to a stricter one is omitted, and the last one (null) includes all.
 * @param {number[]} likely probabilities of the suggestions
 */
export function thresholds(likely) {
  /** @type {[number | null, number][]} */
  const all = [...THRESHOLDS.map((level) => /** @type {[number, number]} */ ([level, likely.filter((p) => p >= level).length])), [null, likely.length]];
  return all.filter(([, held], i) => held && held !== all[i - 1]?.[1]);
}

/**
 * The initial threshold: the default one or a stricter one; if none of these includes a suggestion, the strictest that does.
 * @param {[number|null, number][]} levels
 */
export function preset(levels) {
  const careful = levels.filter(([level]) => level !== null && level >= CAREFUL);
  return (careful[careful.length - 1] || levels[0])?.[0] ?? null;
}

export class Bulk {
  /** @param {{ store: import("../state/store.js").Store, actions: import("./actions.js").Actions, units: boolean, fail: (error: Error) => void, onRank: () => Promise<unknown> }} options */
  constructor({ store, actions, units, fail, onRank }) {
    this.store = store;
    this.actions = actions;
    this.onRank = onRank;
    /** @type {(per: "unit" | "example") => void} set by a feature, as the next */
    this.onAudit = () => {};
    /** @type {(name: string) => void} */
    this.onReorder = () => {};
    this.armed = 0; // runs while a first click waits for the second
    this.frame = 0;
    this.chosen = false; // was the threshold set by hand?
    this.ranking = false;
    /** @type {UnitSuggestions | null} */
    this.units = units ? new UnitSuggestions({ store, actions, fail, kind: () => (this.order.value.startsWith(OF_KIND) ? this.order.value : undefined), onNews: () => this.offer() }) : null;
    this.least = h("select", {
      "aria-label": "minimum probability of a suggestion",
      title: "p_suggested: the detector's probability that the suggested label is correct",
      onchange: () => {
        this.chosen = true;
        this.show();
      },
    });
    this.button = h("button", { type: "button", class: "lw-button", onclick: () => this.accept() });
    this.accepting = h("span", { class: "lw-bulk" }, this.button, this.least);
    this.order = h("select", { "aria-label": "order of the queue", onchange: () => this.reorder(this.order.value) });
    this.rebase(store.meta.queue_order || "suspicion");
    this.rank = h("button", {
      type: "button",
      class: "lw-button",
      text: "Rank again",
      title: "rank all examples again with your verdicts",
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
    const offered = this.units ? this.units.offered : store.list === "selection" && store.meta.suggests !== false;
    this.accepting.hidden = !offered || store.blind;
    this.ordering.hidden = store.list !== "queue";
    if (this.accepting.hidden) return;
    this.offer();
    this.units?.renew();
  }

  /** Probabilities of the suggestions that can be accepted. */
  get likely() {
    return this.units ? this.units.likely : Array.from(this.actions.acceptable(), (row) => this.store.pSuggested[row]);
  }

  /** The current threshold; null for none. */
  get level() {
    return this.least.value === "" ? null : Number(this.least.value);
  }

  /** Fill the menu with the useful thresholds for this selection and their counts. */
  offer() {
    const { likely } = this,
      levels = thresholds(likely);
    this.least.hidden = !levels.length;
    /** @param {number|null} level */
    const key = (level) => (level === null ? "" : String(level)),
      kept = this.chosen && levels.some(([level]) => level === this.level);
    if (!kept) this.chosen = false;
    const value = key(kept ? this.level : preset(levels));
    /** @param {number|null} level @param {number} held */
    const words = (level, held) => `${level === null ? "any p" : `p ≥ ${probability(level)}`} (${count(held)})`;
    fillSelect(this.least, [["", levels.map(([level, held]) => [key(level), words(level, held)])]], value);
    const { level } = this,
      ready = level === null ? likely.length : likely.filter((p) => p >= level).length;
    this.button.textContent = ready ? `Accept ${count(ready)} suggestion${ready === 1 ? "" : "s"}` : "No suggestion to accept";
    this.button.title = ready ? "" : "no suggested label differs from the current label";
    this.button.disabled = !ready;
    this.button.classList.remove("lw-primary");
  }

  /** A description of what a click would do. @param {number|null} least */
  asked(least) {
    if (!this.units) return `Relabel ${count(this.actions.acceptable(least).length)}? Click again`;
    const held = this.units.held(least);
    return `Set ${count(held.count)} labels of ${count(held.examples)} examples? Click again`;
  }

  /** The first click describes what will happen, the second does it. */
  accept() {
    const least = this.level;
    if (!this.armed) {
      this.button.textContent = this.asked(least);
      this.button.classList.add("lw-primary");
      this.armed = setTimeout(() => this.show(), ARMED);
      return;
    }
    clearTimeout(this.armed);
    this.armed = 0;
    if (this.units) this.units.accept(least);
    else this.actions.acceptSelection(least);
  }

  /** Show the current order: the initial one, or one set by Python. @param {string} name */
  rebase(name) {
    const { queues = Object.keys(ORDERS), tags = [], kinds = [] } = this.store.meta,
      groups = [...tagQueues(tags), ...kindQueues(kinds)];
    fillSelect(this.order, [["", offeredOrders(queues, name, groups)], ...groups], name);
  }

  async rankAgain() {
    this.rank.textContent = "ranking…";
    this.rank.setAttribute("aria-disabled", "true"); // a disabled button would lose the focus
    if (this.ranking) return;
    this.ranking = true;
    try {
      await this.onRank();
    } finally {
      this.ranking = false;
      this.rank.textContent = "Rank again";
      this.rank.removeAttribute("aria-disabled");
    }
  }

  /** @param {string} name */
  reorder(name) {
    if (name === "audit" || name === "audit_examples") this.onAudit(name === "audit" ? "unit" : "example");
    else this.onReorder(name);
  }

  destroy() {
    this.units?.destroy();
    clearTimeout(this.armed);
    cancelAnimationFrame(this.frame);
  }
}
