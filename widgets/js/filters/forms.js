/** A panel beside the filters: equal words with several labels; their examples, and one label for some of them at once. */
import { arrayOf, unpackMask } from "../base/bits.js";
import { fillSelect, h } from "../base/dom.js";
import { count } from "../base/format.js";
import { CountedPanel } from "./countedpanel.js";
/** @import { FormCount } from "../state/messages.js" */

/** A second click within this time confirms, ms. */
const CONFIRMING = 4000;
/** The label of words that are no span. */
const NO_LABEL = "nothing";

/** The counts of a form, the most frequent label first. @param {FormCount} form */
export const countsInWords = ({ labels }) => labels.map(({ label, count: n }) => `${label} ${count(n)}`).join(" · ");

export class FormsPanel extends CountedPanel {
  /** @param {import("./countedpanel.js").PanelOptions & { actions: import("../review/actions.js").Actions, nothing: boolean }} options */
  constructor(options) {
    super(options, { name: "equal words with several labels", mark: "lw-of-forms", tools: [h("span", { class: "lw-quiet", text: "equal words, several labels" })] });
    this.actions = options.actions;
    this.nothing = options.nothing;
    /** @type {string} the form on show */
    this.form = "";
    this.armed = 0;
    /** @type {FormCount[]} those that are listed */
    this.forms = [];
    this.total = 0;
  }

  async request() {
    return (await this.wire.ask("forms", {})).body;
  }

  /** @param {import("../state/messages.js").FormsAnswer} answer */
  fill({ forms, total }) {
    clearTimeout(this.armed);
    this.list.replaceChildren(...forms.flatMap((form) => (form.form === this.form ? [this.line(form), this.tools(form)] : [this.line(form)])));
    this.forms = forms;
    this.total = total;
    const left = total - forms.length;
    this.how.textContent = forms.length
      ? `The most one-sided first, counted from the labels as they are now.${left ? ` ${count(left)} more are not listed.` : ""}`
      : "Equal words have the same label everywhere.";
  }

  /** @param {FormCount} form */
  line(form) {
    const counts = countsInWords(form),
      open = form.form === this.form;
    return h(
      "button",
      { type: "button", class: "lw-set-row lw-form-row", title: `${form.form}: ${counts}`, "aria-expanded": String(open), onclick: () => this.pick(open ? "" : form.form) },
      h("span", { class: "lw-clip", text: form.form, dir: "auto" }),
      h("span", { class: "lw-clip lw-num lw-quiet", text: counts }),
    );
  }

  /** Show the tools of a form. @param {string} form */
  pick(form) {
    this.form = form;
    this.fill({ forms: this.forms, total: this.total });
  }

  /** Which places to take, and what to do with them. @param {FormCount} form */
  tools(form) {
    const boxes = form.labels.map(({ label, count: n }, i) => {
      const box = h("input", { type: "checkbox", checked: i > 0, value: label, onchange: () => show() });
      return { box, n, el: h("label", {}, box, ` ${label} ${count(n)}`) };
    });
    const target = h("select", { "aria-label": "label for the chosen places", onchange: () => show() }),
      names = [...this.store.space, ...(this.nothing ? [NO_LABEL] : [])];
    fillSelect(target, [["", names.map((name) => [name, name])]], form.labels[0].label);
    const go = h("button", { type: "button", class: "lw-button", onclick: () => this.relabel(form.form, chosen(), target.value, go, sum()) });
    const chosen = () => boxes.filter(({ box }) => box.checked && box.value !== target.value).map(({ box }) => box.value),
      sum = () => boxes.filter(({ box }) => chosen().includes(box.value)).reduce((total, { n }) => total + n, 0),
      show = () => {
        clearTimeout(this.armed);
        this.armed = 0;
        go.textContent = `Relabel ${count(sum())} as ${target.value}`;
        go.disabled = !sum();
      };
    show();
    const look = h("button", { type: "button", class: "lw-link", text: "show", title: "select the examples with these labels", onclick: () => this.select(form.form, boxes.filter(({ box }) => box.checked).map(({ box }) => box.value)) });
    return h("div", { class: "lw-form-tools" }, ...boxes.map(({ el }) => el), look, target, go);
  }

  /** Select the examples in which the form has one of these labels. @param {string} form @param {string[]} labels */
  async select(form, labels) {
    try {
      const { buffers } = await this.wire.ask("form", { form, labels });
      this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), `“${form}” as ${labels.join(", ")}`);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  /**
   * The first click asks for confirmation, the second one decides.
   * @param {string} form @param {string[]} labels @param {string} label @param {HTMLButtonElement} button @param {number} sure
   */
  async relabel(form, labels, label, button, sure) {
    if (!this.armed) {
      const before = button.textContent;
      button.textContent = `${before}: click again`;
      this.armed = setTimeout(() => {
        this.armed = 0;
        button.textContent = before;
      }, CONFIRMING);
      return;
    }
    clearTimeout(this.armed);
    this.armed = 0;
    try {
      const { buffers } = await this.wire.ask("form", { form, labels }),
        mask = unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
      const rows = Int32Array.from(Array.from(mask.keys()).filter((row) => mask[row]));
      await this.actions.ofMany(rows, "form", { form, labels, label, sure }, [], ({ count: n, examples }) => `“${form}”: ${label} at ${count(n)} places in ${count(examples)} examples; one undo reverts it`);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }
}

/** @param {import("../main.js").Explorer} view */
export function formsFeature(view) {
  const { store, wire, fail, actions } = view;
  if (store.meta.task !== "spans" && store.meta.task !== "tokens") return;
  const panel = new FormsPanel({ store, wire, fail, actions, nothing: store.meta.task === "spans", showSlice: (mask, name) => view.showSlice(mask, name) });
  view.addTab("forms", panel.el, () => panel.draw());
}
