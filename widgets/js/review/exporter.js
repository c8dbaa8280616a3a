/** The export panel: format, path and result. It is not modal. */
import { fillSelect, h, panelHead } from "../base/dom.js";

const FORMATS = [
  ["csv", "CSV"],
  ["jsonl", "JSON lines"],
  ["parquet", "Parquet"],
];

const CONTENTS = [
  ["", "all examples, with author, time and reason of each change"],
  ["relabel", "cleaned training set: labels corrected"],
  ["drop", "cleaned training set: changed examples removed"],
];

export class Exporter {
  /**
   * @param {{ wire: import("../state/wire.js").Wire, path: string, say: (text: string, kind?: string) => void, onClose: () => void,
   *   onToggle: (open: boolean) => void }} options `path` without a suffix
   */
  constructor({ wire, path, say, onClose, onToggle }) {
    this.wire = wire;
    this.say = say;
    this.onClose = onClose;
    this.onToggle = onToggle;
    this.path = h("input", {
      class: "lw-path",
      "aria-label": "file to write",
      spellcheck: "false",
      value: `${path}.csv`,
      oninput: () => this.whereTo(),
      onkeydown: (event) => event.key === "Enter" && this.write(),
    });
    this.kind = h("select", { "aria-label": "what to write" });
    fillSelect(this.kind, [["", CONTENTS]], "");
    this.place = h("div", { class: "lw-quiet lw-place-of" });
    this.over = h("input", { type: "checkbox" });
    this.result = h("div", { class: "lw-result", role: "status" });
    this.button = h("button", {
      type: "button",
      class: "lw-button lw-primary",
      text: "Write file",
      onclick: () => this.write(),
    });
    const formats = h(
      "span",
      { class: "lw-formats", role: "radiogroup", "aria-label": "format" },
      FORMATS.map(([suffix, name], i) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name: `lw-format-${Math.random()}`,
            value: suffix,
            checked: i === 0,
            onchange: (event) => this.setFormat(event.target),
          }),
          name,
        ),
      ),
    );
    this.radios = [...formats.querySelectorAll("input")];
    this.el = h(
      "div",
      { class: "lw-panel lw-export", role: "dialog", "aria-label": "export", hidden: true },
      panelHead("Export the corrected data", () => this.toggle(false)),
      this.kind,
      formats,
      this.path,
      this.place,
      h(
        "div",
        { class: "lw-line" },
        h("label", { title: "overwrite an existing file" }, this.over, "overwrite"),
        h("span", { class: "lw-space" }),
        this.button,
      ),
      this.result,
    );
  }

  /** @param {HTMLInputElement} chosen */
  setFormat(chosen) {
    for (const radio of this.radios) radio.checked = radio === chosen;
    this.path.value = this.path.value.replace(/\.(csv|jsonl|parquet)$/i, "") + `.${chosen.value}`;
    this.whereTo();
  }

  toggle(open = Boolean(this.el.hidden)) {
    this.el.hidden = !open;
    if (open) {
      this.result.textContent = "";
      this.path.focus({ preventScroll: true });
      this.path.select();
      this.whereTo();
    } else this.onClose?.();
    this.onToggle?.(open);
  }

  /** Show which file will be written on the kernel's machine, and whether it exists. */
  async whereTo() {
    const path = this.path.value.trim();
    if (!path) {
      this.place.textContent = "enter a file name";
      return;
    }
    try {
      const { body } = await this.wire.ask("export", { path, ask: true });
      if (this.path.value.trim() !== path) return;
      this.place.textContent = `writes ${body.path}${body.there ? " · file exists" : ""}`;
      this.place.classList.toggle("lw-warn", Boolean(body.there));
    } catch (error) {
      this.place.textContent = /** @type {Error} */ (error).message;
    }
  }

  async write() {
    this.button.disabled = true;
    this.result.className = "lw-result";
    this.result.textContent = "writing…";
    try {
      const { body } = await this.wire.ask("export", {
        path: this.path.value.trim(),
        overwrite: this.over.checked,
        cleaned: this.kind.value,
      });
      this.result.textContent = body.text ?? "";
      this.over.checked = false;
      this.say(body.text ?? "");
    } catch (error) {
      this.result.className = "lw-result lw-error";
      this.result.textContent = /** @type {Error} */ (error).message;
    } finally {
      this.button.disabled = false;
    }
  }
}

/** @param {import("../main.js").Explorer} view */
export function exportFeature(view) {
  const { head } = view;
  const exporter = new Exporter({
    wire: view.wire,
    path: view.store.meta.export_path ?? "",
    say: view.say,
    onClose: () => view.focus(),
    onToggle: (open) => head.export.setAttribute("aria-expanded", String(open)),
  });
  head.onExport = () => {
    exporter.toggle();
    view.under(exporter.el, head.export);
  };
  view.addPanel(exporter.el);
  view.registry.onEscape(() => {
    if (exporter.el.hidden) return false;
    exporter.toggle(false);
    return true;
  });
}
