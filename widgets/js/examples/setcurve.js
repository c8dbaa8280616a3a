/** Training on candidate sets in the inspector: weights and number of remaining candidates by epoch. */
import { drawLines } from "./curve.js";
import { h } from "../base/dom.js";
import { HIDDEN } from "./neighbors.js";
/** @import { Theme } from "../base/color.js" */

const WEIGHTS = "probability of each candidate as a share of the set after each epoch of the recorded training, which saw the set";
const LEFT = "candidates left if those far behind the most likely one are removed after each epoch (POP: more than .6 behind at first, .05 at last)";

/**
 * Describe the number of remaining candidates by epoch: "3 candidates left, 2 from epoch 4, 1 from epoch 9".
 * @param {number[]} epochs @param {number[]} sizes
 */
export function sizesInWords(epochs, sizes) {
  const steps = epochs.flatMap((epoch, i) => (i && sizes[i] !== sizes[i - 1] ? [`${sizes[i]} from epoch ${epoch}`] : []));
  return [`${sizes[0]} candidate${sizes[0] === 1 ? "" : "s"} left`, ...steps].join(", ");
}

export class SetCurvePart {
  /** @param {{ paint: import("../maps/paint.js").Paint, space: import("../editors.js").Space, theme: () => Theme }} options */
  constructor({ paint, space, theme }) {
    this.paint = paint;
    this.space = space;
    this.theme = theme;
    this.title = h("h4", { text: "weights of the candidates, by epoch", title: WEIGHTS, hidden: true });
    this.canvas = h("canvas", { class: "lw-curve lw-set-curve", role: "img", hidden: true });
    this.sizes = h("p", { class: "lw-fine lw-quiet lw-set-sizes", title: LEFT, hidden: true });
  }

  get parts() {
    return [this.title, this.canvas, this.sizes];
  }

  /** @param {import("../state/messages.js").SetCurve | null | undefined} sets @param {boolean} hides whether blind mode hides it */
  draw(sets, hides) {
    for (const part of this.parts) part.hidden = !sets || (hides && part === this.sizes);
    if (!sets) return;
    const theme = this.theme();
    if (hides) {
      drawLines(this.canvas, [], [], { theme, nothing: HIDDEN });
      this.canvas.setAttribute("aria-label", `weights of the candidates by epoch: ${HIDDEN}`);
      return;
    }
    const codes = new Map(this.space.classes.map((name, code) => [name, code]));
    /** @type {import("./curve.js").Line[]} */
    const lines = sets.names.map((name, i) => ({
      values: sets.weights[i],
      color: this.space.color(codes.get(name) ?? -1),
      dash: [],
      name: this.space.shortName(codes.get(name) ?? -1, 14),
    }));
    lines.push({ values: sets.outside, color: theme.quiet, dash: [4, 3], name: "outside" });
    drawLines(this.canvas, sets.epochs, lines, { theme });
    const words = sizesInWords(sets.epochs, sets.sizes);
    this.sizes.textContent = words;
    this.canvas.setAttribute("aria-label", `weights of ${sets.names.join(", ")} and the probability outside the set over ${sets.epochs.length} epochs; ${words}`);
  }
}
