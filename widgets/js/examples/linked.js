/** The nodes linked to the example in the inspector: a small drawing, and each node with its label. */
import { h } from "../base/dom.js";
import { count } from "../base/format.js";
import { drawEgo } from "./ego.js";
import { NeighborStrip } from "./neighbors.js";

/** Answer for an example without links. */
/** @type {import("../state/messages.js").Linked} */
const NO_LINKS = { rows: [], items: [], total: 0, between: [] };

export class LinkedStrip extends NeighborStrip {
  /** @param {import("./inspector.js").Inspector} inspector */
  constructor(inspector) {
    super(inspector);
    this.strip.setAttribute("aria-label", "linked nodes");
    this.picture = h("canvas", { class: "lw-ego", role: "img" });
    this.el = h("div", { class: "lw-linked", hidden: true }, h("h4", {}, this.name), this.picture, this.strip);
    this.parts = [this.el];
  }

  get near() {
    return this.inspector.answer?.linked ?? NO_LINKS;
  }

  draw() {
    this.el.hidden = !this.inspector.answer?.linked;
    super.draw();
    this.ego();
  }

  empty() {
    super.empty();
    this.el.hidden = true;
  }

  again() {
    super.again();
    this.ego();
  }

  /** Number of labelled linked nodes with another given label, counted as in the reasons. */
  title() {
    const { answer, store, hides, kind } = this.inspector;
    if (!answer || store.row < 0) return;
    const { rows, total } = this.near,
      given = store.given[answer.row],
      differ = rows.filter((row) => store.given[row] >= 0 && store.given[row] !== given).length;
    const counts = hides || given < 0 || kind.units ? "" : `: ${differ ? count(differ) : "none"} given another label`;
    const shown = rows.length < total ? `${rows.length} of ${count(total)}` : count(total);
    this.name.textContent = total ? `${shown} linked node${total === 1 ? "" : "s"}${counts}` : "no linked nodes";
    this.name.title = total ? "by the edges of this run, largest weight first" : "";
  }

  /** Draw the example in the middle and its linked nodes around it, coloured by their current labels. */
  ego() {
    const { answer, store, hides, paint, theme } = this.inspector,
      { rows, between } = this.near;
    this.picture.hidden = !rows.length;
    if (!answer || !rows.length) return;
    /** @param {number} row */
    const color = (row) => (hides ? theme().grey : paint.classColor(store.labels[row]));
    drawEgo(this.picture, { center: color(answer.row), around: rows.map(color), between, theme: theme() });
    this.picture.setAttribute("aria-label", `${this.name.textContent}; ${between.length} links between them`);
  }
}
