/** A panel beside the filters: the classes and their estimated errors. */
import { arrayOf } from "../base/bits.js";
import { h } from "../base/dom.js";
import { brief, count } from "../base/format.js";
import { swatch } from "../maps/legend.js";
import { classCounts } from "../state/orders.js";

/** Numeric columns: [heading, tooltip]. */
const COLUMNS = [
  ["issues", "label issues among the examples with this given label"],
  ["wrong", "expected share of wrong labels among the examples with this given label (mean of the detector's p_error)"],
];

/** A table of classes, largest share of errors first; a click selects the label issues of a class. */
export class ClassTable {
  /**
   * @param {{ store: import("../state/store.js").Store, paint: import("../maps/paint.js").Paint, wire: import("../state/wire.js").Wire,
   *   select: (test: (row: number) => unknown, name: string) => void }} options
   */
  constructor({ store, paint, wire, select }) {
    this.store = store;
    this.paint = paint;
    this.wire = wire;
    this.select = select;
    this.asked = false;
    /** @type {{ how: string, arrays: Float32Array[] } | null} */
    this.estimated = null;
    this.el = h("div", { class: "lw-side lw-classes", role: "tabpanel", "aria-label": "classes", hidden: true });
  }

  /** Request the estimates by class once; without probabilities their columns stay empty. */
  async estimate() {
    if (this.asked) return;
    this.asked = true;
    try {
      const { body, buffers } = await this.wire.ask("classes");
      this.estimated = { how: body.how, arrays: buffers.map((buffer) => arrayOf(Float32Array, buffer)) };
    } catch (error) {
      this.estimated = { how: /** @type {Error} */ (error).message, arrays: [] };
    }
    this.draw();
  }

  draw() {
    const { store } = this,
      doubted = store.meta.doubted !== false,
      shape = `lw-class-row${doubted ? "" : " lw-plain"}`,
      { given, issues, changed, expected } = classCounts(store),
      colors = this.paint.classColors();
    /** @param {number} c */
    const share = (c) => (given[c] ? expected[c] / given[c] : 0);
    const codes = store.classes.map((_, c) => c).sort((a, b) => share(b) - share(a));
    const head = h(
      "div",
      { class: `${shape} lw-quiet` },
      h("span", { class: "lw-bar-name", text: "class" }),
      (doubted ? COLUMNS : [["given", "examples with this given label"]]).map(([text, title]) => h("span", { text, title })),
    );
    const [wrong, missed] = this.estimated?.arrays || [];
    /** @param {number} c */
    const joint = (c) =>
      wrong
        ? ` Confident learning: about ${count(wrong[c])} with this label truly belong to another class, and about ${count(missed[c])} of this class have another label.`
        : "";
    if (doubted) this.estimate();
    this.el.replaceChildren(
      head,
      ...codes.map((c) =>
        h(
          "button",
          {
            type: "button",
            class: shape,
            title: doubted
              ? `${store.classes[c]}: ${count(issues[c])} label issues in ${count(given[c])} examples, ${count(changed[c])} changed.${joint(c)} Click to select the label issues.`
              : `${store.classes[c]}: ${count(given[c])} examples, ${count(changed[c])} changed. Click to select them.`,
            onclick: () =>
              doubted
                ? this.select((row) => store.issue[row] && store.given[row] === c, `label issues of ${store.classes[c]}`)
                : this.select((row) => store.given[row] === c, `given ${store.classes[c]}`),
          },
          h(
            "span",
            { class: "lw-bar-name" },
            swatch(colors[c]),
            h("span", { class: "lw-clip", text: store.shortName(c, 14) }),
          ),
          h("span", { class: "lw-num", text: doubted ? `${brief(issues[c])} of ${brief(given[c])}` : brief(given[c]) }),
          doubted && h("span", { class: "lw-num", text: `${(100 * share(c)).toFixed(share(c) < 0.1 ? 1 : 0)}%` }),
        ),
      ),
      h("p", { class: "lw-how lw-quiet", text: this.estimated?.how || "" }),
    );
  }
}
