/** The frame of a column's filter: its name, a × if the filter can be removed, and its contents. */
import { closeButton, h } from "../base/dom.js";

/**
 * @param {{ name: string, title?: string }} column
 * @param {(() => void) | undefined} onClose removes the filter; undefined if it cannot be removed
 * @param {...Node} parts
 */
export function filterBox({ name, title }, onClose, ...parts) {
  return h(
    "div",
    { class: "lw-filter", role: "group", "aria-label": `filter ${name}` },
    h(
      "div",
      { class: "lw-row" },
      h("span", { class: "lw-filter-name", text: name, title: title || name }),
      onClose && closeButton(`remove filter ${name}`, onClose, "remove this filter"),
    ),
    ...parts,
  );
}
