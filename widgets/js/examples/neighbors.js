/** The nearest neighbours of the example in the inspector, each with its label. */
import { h } from "../base/dom.js";
import { count } from "../base/format.js";

export const HIDDEN = "hidden until you choose";

/** @type {import("../state/messages.js").Neighbors} */
const NO_NEIGHBORS = { rows: [], items: [] };

export class NeighborStrip {
  /** @param {import("./inspector.js").Inspector} inspector */
  constructor(inspector) {
    this.inspector = inspector;
    this.strip = h("div", { class: "lw-neighbors", "aria-label": "nearest neighbours" });
    this.name = h("span");
    this.parts = [h("h4", {}, this.name), this.strip];
  }

  /** The displayed rows and items of the answer. */
  get near() {
    return this.inspector.answer?.neighbors ?? NO_NEIGHBORS;
  }

  draw() {
    const { inspector } = this,
      { rows, items } = this.near;
    this.title();
    this.strip.replaceChildren(
      ...rows.map((row, i) =>
        h(
          "button",
          { type: "button", class: "lw-neighbor", "data-row": row, onclick: () => inspector.onPick(row) },
          h("span", { class: "lw-neighbor-media" }, inspector.media.node(items[i], "thumb")),
          this.caption(row),
        ),
      ),
    );
  }

  empty() {
    this.strip.replaceChildren();
    this.name.textContent = "";
  }

  /** Number of neighbours with another given label, and the embedding used, counted as in the reasons. */
  title() {
    const { answer, store, hides, kind } = this.inspector;
    if (!answer || store.row < 0) return;
    const { rows, by, other, none } = answer.neighbors;
    const given = store.given[answer.row],
      labelled = rows.filter((row) => store.given[row] >= 0),
      differ = labelled.filter((row) => store.given[row] !== given).length;
    const counts = hides || given < 0 || kind.units ? "" : `: ${differ ? count(differ) : "none"} given another label`;
    this.name.textContent = rows.length
      ? `${rows.length} nearest neighbours${counts}${other ? " (not those of the reasons)" : ""}`
      : none || "no embeddings, so no neighbours";
    this.name.title = rows.length ? [`by ${by}`, other].filter(Boolean).join(". ") : "";
  }

  /** The label of a neighbour; it is marked if the given labels differ, as in the reasons. @param {number} row */
  caption(row) {
    const { store, hides, editor, kind, unit } = this.inspector,
      label = store.labels[row],
      given = store.given[row],
      name = store.className(label);
    if (hides) return h("span", { class: "lw-caption lw-quiet", text: "?", title: `label ${HIDDEN}` });
    if (kind.units) {
      const said = this.near.labels?.[this.near.rows.indexOf(row)],
        text = said?.[unit?.key ?? ""] ?? said?.[""] ?? "";
      return h("span", { class: "lw-caption lw-clip", text, title: text && `given: ${text}` });
    }
    const differs = given >= 0 && given !== store.given[store.row],
      was = label === given ? "" : `given ${store.className(given)}, now `;
    const el = h("span", { class: `lw-caption${differs ? " lw-disagrees" : ""}`, title: `${was}${name}${differs ? " (given another label)" : ""}` });
    editor.thumb(el, [{ value: label, most: 20, before: was && "✎" }]);
    return el;
  }

  /** Labels or blind mode changed. */
  again() {
    this.title();
    this.captions();
  }

  captions() {
    for (const el of this.strip.querySelectorAll("button")) el.lastElementChild?.replaceWith(this.caption(Number(el.dataset.row)));
  }
}
