/** The legend of colours: a colour bar that marks the suspicious end, or swatches. */
import { h } from "../base/dom.js";
import { hex } from "../base/color.js";
import { short, shortNames } from "../base/format.js";
/** @import { CategoryLegend, Legend, NumberLegend } from "./paint.js" */

/** Maximum number of swatches; the rest are counted (the class list in the filters shows all). */
const MOST = 12;

/** Render the legend of a `Paint` into a node. @param {HTMLElement} node @param {Legend|null} legend */
export function drawLegend(node, legend) {
  if (!legend) {
    node.replaceChildren();
    return;
  }
  const hidden = [h("span", { class: "lw-quiet", text: "colours are hidden in blind mode" })];
  const colors = legend.kind === "category" ? swatches(legend) : legend.kind === "number" ? bar(legend) : hidden;
  node.replaceChildren(...colors, h("span", { class: "lw-quiet lw-shapes", text: "◆ changed  ■ flagged" }));
}

/** @param {NumberLegend} legend */
function bar({ column, range, color }) {
  const stops = Array.from({ length: 12 }, (_, i) => hex(color(i / 11))).join(",");
  const direction = column.suspicious ? `${column.suspicious} = suspicious` : "";
  return [
    h("span", { class: "lw-legend-name", text: column.name, title: column.source || "" }),
    h("span", { class: "lw-num", text: short(range[0]) }),
    h("span", { class: "lw-ramp", style: { background: `linear-gradient(90deg,${stops})` } }),
    h("span", { class: "lw-num", text: short(range[1]) }),
    h("span", { class: "lw-quiet", text: direction }),
  ];
}

/** @param {CategoryLegend} legend */
function swatches({ column, colors }) {
  const { categories = [] } = column,
    names = categories.slice(0, MOST),
    more = categories.length - names.length;
  return [
    h("span", { class: "lw-legend-name", text: column.name }),
    ...names.map((name, i) =>
      h(
        "span",
        { class: "lw-key", title: name },
        swatch(colors[i % colors.length]),
        h("span", { text: shortNames(categories, 14)[i] }),
      ),
    ),
    ...(more > 0 ? [h("span", { class: "lw-quiet", text: `and ${more} more` })] : []),
  ];
}

/** A small square of a colour. @param {number[]} rgb */
export function swatch(rgb) {
  return h("span", { class: "lw-swatch", style: { background: hex(rgb) }, "aria-hidden": "true" });
}
