/** The curves of an example in the inspector: p(given) and p(suggested) over epochs, with an explanation of gaps. */
import { drawCurve, gapsInWords, tagGapsInWords } from "./curve.js";
import { h } from "../base/dom.js";
import { clip } from "../base/format.js";
import { labelSpace } from "../state/labelspace.js";
import { HIDDEN } from "./neighbors.js";
import { SetCurvePart } from "./setcurve.js";
import { valueText } from "./unitlist.js";
/** @import { Theme } from "../base/color.js" */

const TRAINING = "probability of a class after each epoch of the recorded training, which saw the given label";
const OF_TAGS = "probability of the tag in focus after each epoch of the recorded training, which saw the given tags";

export class CurvePart {
  /** @param {{ store: import("../state/store.js").Store, paint: import("../maps/paint.js").Paint, theme: () => Theme }} options */
  constructor({ store, paint, theme }) {
    this.store = store;
    this.paint = paint;
    this.theme = theme;
    this.canvas = h("canvas", { class: "lw-curve", role: "img" });
    this.gaps = h("p", { class: "lw-fine lw-quiet", hidden: true });
    /** Curves of candidate sets; null for other kinds of labels. */
    this.sets = store.meta.task === "candidates" ? new SetCurvePart({ paint, theme, space: labelSpace(store, paint) }) : null;
  }

  /** Elements to show; none if no epoch was recorded. */
  get parts() {
    if (this.sets) return this.sets.parts;
    const { epochs, unit_epochs: ofUnits, pooled } = this.store.meta;
    if (ofUnits.length) return [h("h4", { text: "p(yes) during training, by epoch", title: OF_TAGS }), this.canvas, this.gaps];
    if (!epochs.length) return [];
    return [h("h4", { text: `probability during training, by epoch${pooled ? ` of ${pooled}` : ""}`, title: TRAINING }), this.canvas, this.gaps];
  }

  /** Show only a text. */
  blank(nothing = "") {
    this.sets?.draw(null, false);
    if (this.sets) return;
    this.gaps.hidden = true;
    drawCurve(this.canvas, null, { theme: this.theme(), nothing });
    if (nothing) this.canvas.setAttribute("aria-label", `probability over epochs: ${nothing}`);
  }

  /** The probability of the tag in focus. @param {any} unit @param {boolean} hides whether blind mode hides it */
  drawUnit(unit, hides) {
    if (hides || !unit?.curve) {
      this.blank(hides ? HIDDEN : unit ? `${clip(unit.name, 24)}: not recorded` : "");
      return;
    }
    const theme = this.theme(),
      curve = { epochs: this.store.meta.unit_epochs, given: unit.curve, suggested: null };
    drawCurve(this.canvas, curve, { given: clip(unit.name, 14), colors: [theme.accent], theme });
    const gaps = tagGapsInWords(curve, unit.name);
    this.gaps.hidden = !gaps;
    this.gaps.textContent = gaps;
    this.canvas.setAttribute("aria-label", `probability of ${unit.name} over ${curve.epochs.length} epochs, given: ${valueText(unit.given)}${gaps && `; ${gaps}`}`);
  }

  /** @param {import("../state/messages.js").InspectAnswer} answer @param {boolean} hides whether blind mode hides it */
  draw(answer, hides) {
    this.sets?.draw(answer.sets, hides);
    if (this.sets) return;
    if (hides) {
      this.blank(HIDDEN);
      return;
    }
    const { store } = this,
      given = store.given[answer.row],
      suggested = store.suggested[answer.row];
    const of = (/** @type {number} */ code) => (code >= 0 ? this.paint.classColor(code) : this.theme().quiet);
    const curve = suggested === given ? { ...answer.curve, suggested: null } : answer.curve;
    drawCurve(this.canvas, curve, {
      given: store.shortName(given, 14),
      suggested: store.shortName(suggested, 14),
      colors: [of(given), of(suggested)],
      theme: this.theme(),
    });
    const gaps = gapsInWords(curve, store.className(suggested));
    this.gaps.hidden = !gaps;
    this.gaps.textContent = gaps;
    const both = `${store.className(given)}${curve.suggested ? ` and of ${store.className(suggested)}` : ""}`;
    this.canvas.setAttribute("aria-label", `probability of ${both} over ${curve.epochs.length} epochs${gaps && `; ${gaps}`}`);
  }
}
