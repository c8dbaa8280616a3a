/**
 * The features of a row of a table: each value, its position in the given and the suggested class, and how unusual it is.
 * The most unusual come first; a click on a heading changes the order.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { clip, shortNames } from "../base/format.js";
import { swatch } from "../maps/legend.js";
/** @import { Feature, InspectAnswer } from "../state/messages.js" */

const HEADINGS = [
  ["name", "feature", "sort by name"],
  ["value", "value", "sort by value, largest first"],
  ["", "in the class", "dark: middle 50 % of the class; light: middle 90 %; mark: this example"],
  ["unusual", "unusual", "share of the examples of the given class that are at least as extreme; sort by it, most unusual first"],
];
/** Maximum share at which a value is marked as unusual. */
const ODD = 0.05;

/**
 * The rows of a table in the requested order: "unusual" (as sent by Python), "name" or "value".
 * @param {Feature[]} rows @param {string} by
 */
export function sortedRows(rows, by) {
  if (by === "name") return [...rows].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  if (by !== "value") return rows;
  /** @param {Feature} feature */
  const number = ({ number }) => (number !== null && Number.isFinite(number) ? number : -Infinity);
  return [...rows].sort((a, b) => number(b) - number(a) || a.value.localeCompare(b.value));
}

/** A share as a percentage that is never 0: .004 -> "0.4 %". @param {number|null} share */
export function percent(share) {
  if (share === null || !Number.isFinite(share)) return "–";
  if (share < 0.001) return "<0.1 %";
  return `${share < 0.01 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
}

export class RowTable {
  /** @param {{ store: import("../state/store.js").Store, paint: import("../maps/paint.js").Paint, hides: () => boolean }} options */
  constructor({ store, paint, hides }) {
    this.store = store;
    this.paint = paint;
    this.hides = hides;
    this.by = "unusual";
    /** @type {InspectAnswer | null} */
    this.answer = null;
    this.heads = HEADINGS.map(([by, text, title]) =>
      by ? h("button", { type: "button", text, title, onclick: () => this.sort(by) }) : h("span", { text, title, class: "lw-quiet" }),
    );
    this.list = h("div", { class: "lw-rows-list", role: "table", tabindex: "0", "aria-label": "features of the example" });
    this.key = h("div", { class: "lw-rows-key" });
    this.el = h("div", { class: "lw-rows" }, h("div", { class: "lw-rows-line lw-rows-head" }, this.heads), this.list, this.key);
  }

  /** @param {string} by */
  sort(by) {
    this.by = by;
    this.draw();
  }

  /** The table for an answer of `inspect`; without one, the current table. @param {InspectAnswer|null|undefined} answer */
  node(answer) {
    if (answer?.features && answer !== this.answer) {
      this.answer = answer;
      this.draw();
      this.list.scrollTop = 0;
    }
    return this.answer ? this.el : null;
  }

  draw() {
    const features = this.answer?.features;
    if (!features) return;
    const { rows, more } = features;
    this.heads.forEach((head, i) => HEADINGS[i][0] && head.setAttribute("aria-pressed", String(HEADINGS[i][0] === this.by)));
    const shown = sortedRows(rows, this.by),
      names = shortNames(shown.map((row) => row.name), 22);
    this.list.replaceChildren(
      ...shown.map((row, i) => this.line(row, names[i])),
      ...(more ? [h("div", { class: "lw-rows-line", role: "row" }, h("span", { class: "lw-quiet", role: "cell", text: `${more} more, less unusual` }))] : []),
    );
    this.legend();
  }

  get classes() {
    const { store, answer } = this;
    if (!answer) return { given: -1, suggested: -1 };
    const given = store.given[answer.row],
      suggested = store.suggested[answer.row];
    return { given, suggested: this.hides() || suggested === given ? -1 : suggested };
  }

  /** @param {number} code */
  color(code) {
    const colors = this.paint.classColors();
    return colors[code % colors.length];
  }

  legend() {
    const { given, suggested } = this.classes,
      one = (/** @type {number} */ code) => (code >= 0 ? [h("span", {}, swatch(this.color(code)), clip(this.store.className(code), 22))] : []);
    this.key.replaceChildren(...one(given), ...one(suggested), h("span", { text: "| this example" }));
  }

  /** @param {Feature} row @param {string} name */
  line(row, name) {
    const { store, answer } = this,
      of = row.of === "class" && answer ? store.className(store.given[answer.row]) : "all examples";
    const said = Number.isFinite(row.unusual) ? `${percent(row.unusual)} of ${of} are at least as unusual` : "nothing to compare with";
    return h(
      "div",
      { class: `lw-rows-line${row.unusual !== null && row.unusual <= ODD ? " lw-rows-odd" : ""}`, role: "row", title: `${row.name}: ${row.value}\n${said}` },
      h("span", { class: "lw-clip", role: "cell", text: name }),
      h("span", { class: "lw-num", role: "cell", text: row.value }),
      h("span", { class: "lw-rows-bar", role: "cell" }, this.bar(row)),
      h("span", { class: "lw-num", role: "cell", text: percent(row.unusual) }),
    );
  }

  /** Numbers: middle 50 % and 90 % of both classes, and this example. Categories: their frequency in both. @param {Feature} row */
  bar(row) {
    const { given, suggested } = this.classes,
      parts = [];
    /** @param {"given"|"suggested"} which @param {number} code */
    const strip = (which, code) => {
      /** @param {number} a @param {number} b @param {boolean} thin */
      const place = (a, b, thin) =>
        h("span", {
          class: `lw-rows-${which}${thin ? " lw-rows-thin" : ""}`,
          style: { left: `${100 * a}%`, width: `max(2px, ${100 * (b - a)}%)`, background: hex(this.color(code)) },
        });
      if (row.shares) {
        if (row.shares[which] !== undefined) parts.push(place(0, 1, true), place(0, row.shares[which], false));
      } else if (row[which]) parts.push(place(row[which][0], row[which][4], true), place(row[which][1], row[which][3], false));
    };
    if (!row.shares) parts.push(h("span", { class: "lw-rows-axis" }));
    if (given >= 0) strip("given", given);
    if (suggested >= 0) strip("suggested", suggested);
    if (row.at !== undefined && Number.isFinite(row.at)) parts.push(h("span", { class: "lw-rows-at", style: { left: `${100 * row.at}%` } }));
    return parts;
  }

  /** A second table of the same answer, where there is more room. @param {InspectAnswer|undefined} answer */
  twin(answer) {
    const { store, paint, hides } = this;
    const other = new RowTable({ store, paint, hides });
    other.by = this.by;
    return other.node(answer) || h("span", { class: "lw-empty-line", text: "…" });
  }
}

/** @param {import("../main.js").Explorer} view */
export function rowTableFeature(view) {
  const { store, paint, inspector, media, registry } = view;
  if (media.kind !== "none") return;
  const rows = (inspector.rows = new RowTable({ store, paint, hides: () => inspector.hides }));
  const again = () => rows.answer && rows.draw();
  registry.on("theme", again);
  store.on("labels", again); // a decision reveals the suggestion
}
