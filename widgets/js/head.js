/** The top bar: the open run, menus of colours and slices, the saved state, export and help. */
import { fillSelect, h } from "./base/dom.js";
import { count } from "./base/format.js";
/** @import { Column } from "./state/store.js" */

/**
 * Selections computed in the page: [name, test of a row].
 * @type {[string, (store: import("./state/store.js").Store, row: number) => any][]}
 */
const SLICES = [
  ["label issues", (s, i) => s.issue[i]],
  ["label issues, undecided", (s, i) => s.issue[i] && !s.verdict[i]],
  ["changed", (s, i) => s.edited(i)],
  ["kept", (s, i) => s.verdict[i] === 2],
  ["skipped", (s, i) => s.verdict[i] === 3],
  ["flagged", (s, i) => s.flagged(i)],
  ["with a note", (s, i) => s.noted(i)],
  ["unlabelled", (s, i) => s.given[i] < 0],
];

export class Head {
  /**
   * @param {{ store: import("./state/store.js").Store, onColor: (name: string) => void,
   *   onSlice: (mask: Uint8Array, name: string) => void, onRemoteSlice: (name: string) => void }} options
   */
  constructor({ store, onColor, onSlice, onRemoteSlice }) {
    this.store = store;
    this.onColor = onColor;
    this.onSlice = onSlice;
    this.onRemoteSlice = onRemoteSlice;
    /** @type {() => void} set by a feature, as the next two */
    this.onExport = () => {};
    /** @type {() => void} */
    this.onHelp = () => {};
    /** @type {() => void} */
    this.onFold = () => {};
    this.waiting = false;
    const { meta } = store;
    this.color = h("select", {
      "aria-label": "colour by",
      title: "colour by",
      onchange: () => this.onColor(this.color.value),
    });
    this.slices = h("select", {
      "aria-label": "select by a slice",
      title: "ready-made selections",
      onfocus: () => this.fillSlices(),
      onpointerdown: () => this.fillSlices(),
      onchange: () => this.pickSlice(),
    });
    this.gap = h("span", { class: "lw-space" });
    this.changed = h("span", { class: "lw-num" });
    this.saved = h("span", { class: "lw-saved" });
    this.fold = h("button", {
      type: "button",
      class: "lw-button lw-fold",
      text: "Filters",
      "aria-expanded": "false",
      onclick: () => this.onFold(),
    });
    this.export = h(
      "button",
      {
        type: "button",
        class: "lw-button",
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        onclick: () => this.onExport(),
      },
      "Export ▾",
    );
    this.help = h("button", {
      type: "button",
      class: "lw-button lw-help-button",
      text: "?",
      title: "keys",
      "aria-label": "keys",
      "aria-expanded": "false",
      onclick: () => this.onHelp(),
    });
    this.slicing = h("label", { class: "lw-pick" }, h("span", { text: "slice" }), this.slices);
    this.standing = h("span", { class: "lw-state" }, this.changed, this.saved);
    const tags = meta.choices.includes("yes") ? `${count(meta.space.length)} tags` : "";
    const space = meta.space.length ? tags : `${count(store.classes.length)} classes`;
    this.el = h(
      "div",
      { class: "lw-row lw-head" },
      h("strong", { class: "lw-name", text: meta.name, title: meta.path || meta.name }),
      h("span", {
        class: "lw-quiet lw-facts",
        title: [`${count(store.n)} examples${space && `, ${space}`}`, meta.how, meta.canaries].filter(Boolean).join("; "),
      }, h("span"), h("span", { text: `${count(store.n)} examples` }), h("span", { text: space && `\u00a0· ${space}` })),
      this.fold,
      h("label", { class: "lw-pick" }, h("span", { text: "colour" }), this.color),
      this.slicing,
      this.gap,
      this.standing,
      this.export,
      this.help,
    );
    this.fillColors();
    this.fillSlices();
    store.on("labels", () => this.state());
    store.on("history", () => this.state());
    this.state();
  }

  fillColors() {
    const columns = [...this.store.columns.values()];
    /** @param {(column: Column) => unknown} test */
    const group = (test) => columns.filter(test).map((c) => [c.name, c.name]);
    fillSelect(this.color, [
      ["labels", group((c) => c.classes || c.name === "verdict")],
      ["scores", group((c) => c.kind === "number" && c.suspicious)],
      ["columns", group((c) => !c.classes && c.name !== "verdict" && !(c.kind === "number" && c.suspicious))],
    ]);
  }

  fillSlices() {
    const { store } = this,
      totals = SLICES.map(() => 0);
    for (let i = 0; i < store.n; i++)
      SLICES.forEach(([, test], j) => {
        if (test(store, i)) totals[j]++;
      });
    const own = SLICES.map(([name], j) => [name, `${name} (${count(totals[j])})`]).filter((_, j) => totals[j]);
    const { slices } = store;
    const more = slices
      ? slices.map((slice) => [`py:${slice.name}`, `${slice.name} (${count(slice.count)})`, slice.how])
      : [["", "computing more…"]];
    fillSelect(
      this.slices,
      [
        ["", [["", "select…"]]],
        ["decisions", own],
        ["evidence", more],
      ],
      "",
    );
  }

  async pickSlice() {
    const { store } = this,
      { value } = this.slices;
    this.slices.value = "";
    if (!value) return;
    if (value.startsWith("py:")) {
      this.onRemoteSlice(value.slice(3));
      return;
    }
    const slice = SLICES.find(([one]) => one === value),
      mask = new Uint8Array(store.n);
    if (!slice) return;
    const [name, test] = slice;
    for (let i = 0; i < store.n; i++) mask[i] = test(store, i) ? 1 : 0;
    this.onSlice(mask, name);
  }

  /** Show "23 changed  saved 12:03", or why nothing can be saved. */
  state(waiting = this.waiting) {
    const { store } = this;
    this.waiting = waiting;
    this.changed.textContent = `${count(store.changed)} changed`;
    const text = store.pending
      ? waiting
        ? `waiting for the kernel: ${count(store.pending)} not saved`
        : "saving…"
      : store.saved
        ? `${store.meta.lasting === false ? "in memory" : "saved"} ${store.saved}`
        : "";
    if (this.saved.textContent !== text) this.saved.textContent = text;
    this.saved.classList.toggle("lw-warn", Boolean(store.pending && waiting));
  }
}
