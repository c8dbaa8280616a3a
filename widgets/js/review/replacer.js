/** A panel for replacing characters in the texts of the filtered examples: a preview, then one undo step. */
import { packMask } from "../base/bits.js";
import { h, panelHead } from "../base/dom.js";
import { count } from "../base/format.js";
import { compared } from "../examples/comparedtext.js";

/** Delay before the preview is asked for while typing, ms. */
const TYPING_PAUSE = 150;

export class Replacer {
  /** @param {import("../main.js").Explorer} view */
  constructor(view) {
    this.view = view;
    this.timer = 0;
    this.turn = 0;
    this.found = 0;
    const { renew } = this;
    this.find = h("input", { "aria-label": "text to look for", placeholder: "look for", dir: "auto", autocomplete: "off", oninput: renew });
    this.by = h("input", { "aria-label": "replacement", placeholder: "replace by", dir: "auto", autocomplete: "off", oninput: renew });
    this.whole = h("input", { type: "checkbox", onchange: renew });
    this.anyCase = h("input", { type: "checkbox", onchange: renew });
    this.button = h("button", { type: "button", class: "lw-button lw-primary", disabled: true, text: "Replace", onclick: () => this.replace() });
    this.about = h("div", { class: "lw-quiet", role: "status" });
    this.preview = h("div", { class: "lw-replaced", role: "list", "aria-label": "texts before and after" });
    this.opener = h("button", { type: "button", class: "lw-button", text: "Replace text…", "aria-haspopup": "dialog", onclick: () => this.toggle() });
    this.el = h(
      "div",
      { class: "lw-panel lw-replacer", role: "dialog", "aria-label": "replace text", hidden: true },
      panelHead("Replace in the filtered texts", () => this.toggle(false)),
      this.find,
      this.by,
      h("div", { class: "lw-line" }, h("label", {}, this.whole, "whole words"), h("label", {}, this.anyCase, "any case"), h("span", { class: "lw-space" }), this.button),
      this.about,
      this.preview,
    );
  }

  toggle(open = Boolean(this.el.hidden)) {
    this.el.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) {
      this.view.under(this.el, this.opener);
      this.find.focus({ preventScroll: true });
      this.renew();
    } else this.view.focus();
  }

  /** Rows that pass the filters. */
  get rows() {
    const { store } = this.view,
      rows = [];
    for (let row = 0; row < store.n; row++) if (!store.filter.active || store.filter.passing[row]) rows.push(row);
    return Int32Array.from(rows);
  }

  get mask() {
    const mask = new Uint8Array(this.view.store.n);
    for (const row of this.rows) mask[row] = 1;
    return packMask(mask).buffer;
  }

  get asked() {
    return { find: this.find.value, by: this.by.value, whole_words: this.whole.checked, match_case: !this.anyCase.checked };
  }

  /** Show what would change. */
  renew = () => {
    clearTimeout(this.timer);
    this.button.disabled = true;
    const turn = ++this.turn;
    this.timer = setTimeout(async () => {
      if (this.el.hidden) return;
      if (!this.find.value) {
        this.about.textContent = "";
        this.preview.replaceChildren();
        return;
      }
      try {
        const { body } = await this.view.wire.ask("replace", this.asked, [this.mask]);
        if (turn !== this.turn) return;
        this.found = body.count;
        this.button.disabled = !body.count;
        const texts = `${count(body.count)} text${body.count === 1 ? "" : "s"}`;
        this.about.textContent = body.count ? `${texts} of ${count(this.rows.length)} filtered examples change${body.count > body.shown.length ? `; the first ${body.shown.length}:` : ":"}` : `no text of ${count(this.rows.length)} filtered examples contains it`;
        this.preview.replaceChildren(...body.shown.map(({ id, before, after }) => h("div", { class: "lw-replaced-text", role: "listitem" }, h("span", { class: "lw-quiet lw-clip", text: String(id) }), compared(after, before))));
      } catch (error) {
        if (turn === this.turn) this.about.textContent = /** @type {Error} */ (error).message;
      }
    }, TYPING_PAUSE);
  };

  async replace() {
    const { actions } = this.view;
    this.button.disabled = true;
    await actions.ofMany(this.rows, "replace", { ...this.asked, sure: this.found }, [this.mask], ({ count: n }) => `${count(n)} texts replaced`);
    this.toggle(false);
  }
}

/** @param {import("../main.js").Explorer} view */
export function replaceFeature(view) {
  if (view.inspector.kind.task !== "texts") return;
  const replacer = new Replacer(view);
  view.addToHead(replacer.opener);
  view.addPanel(replacer.el);
  view.registry.onEscape(() => {
    if (replacer.el.hidden) return false;
    replacer.toggle(false);
    return true;
  });
}
