/** The legend of colours: a colour bar that marks the suspicious end, or swatches. */
import { h } from "./dom.js";
import { hex } from "./color.js";
import { short, shortNames } from "./format.js";

/** Maximum number of swatches; the rest are counted (the class list in the filters shows all). */
const MOST = 12;

/** Render the legend of a `Paint` into a node. */
export function drawLegend(node, legend) {
  if (!legend) {
    node.replaceChildren();
    return;
  }
  const hidden = () => [h("span", { class: "lw-quiet", text: "colours are hidden in blind mode" })];
  const colors = { category: swatches, number: bar, hidden }[legend.kind](legend);
  node.replaceChildren(...colors, h("span", { class: "lw-quiet lw-shapes", text: "◆ changed  ■ flagged" }));
}

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

function swatches({ column, colors }) {
  const names = column.categories.slice(0, MOST),
    more = column.categories.length - names.length;
  return [
    h("span", { class: "lw-legend-name", text: column.name }),
    ...names.map((name, i) =>
      h(
        "span",
        { class: "lw-key", title: name },
        swatch(colors[i % colors.length]),
        h("span", { text: shortNames(column.categories, 14)[i] }),
      ),
    ),
    more > 0 && h("span", { class: "lw-quiet", text: `and ${more} more` }),
  ].filter(Boolean);
}

/** A small square of a colour. */
export function swatch(rgb) {
  return h("span", { class: "lw-swatch", style: { background: hex(rgb) }, "aria-hidden": "true" });
}
