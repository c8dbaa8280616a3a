/** Key presses: they do not leave the view, and their actions run at once. */
import { actionOf } from "./base/keys.js";

export class Keyboard {
  /** @param {import("./main.js").Explorer["frame"]} frame with the Explorer whose parts act */
  constructor(frame) {
    this.frame = frame;
    const { root, registry } = frame;
    for (const type of ["keydown", "keyup", "keypress"]) registry.listen(root, type, (event) => event.stopPropagation());
    registry.listen(root, "keydown", (event) => this.key(event));
    registry.listen(root, "pointerdown", (event) => this.takeFocus(event));
    registry.listen(root, "change", (event) => {
      if (event.target.tagName === "SELECT") frame.focus();
    });
  }

  /** A mouse press enables the keys: input fields keep the focus, buttons do not. @param {PointerEvent & { target: HTMLElement }} event */
  takeFocus(event) {
    if (event.target.closest("input, select, textarea, label")) return;
    if (event.target.closest("button")) event.preventDefault();
    this.frame.focus();
  }

  /** @param {KeyboardEvent & { target: HTMLElement }} event */
  key(event) {
    const { view } = this.frame;
    if (!view) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") {
        view.registry.escape();
        view.focus();
      }
      return;
    }
    const button = event.target.closest("button") && (event.key === " " || event.key === "Enter");
    if (button && !event.ctrlKey && !event.metaKey) return; // a button reached by Tab
    if (view.inspector.editor.editing && event.key !== "Escape") {
      if (view.inspector.editor.key(event)) event.preventDefault();
      return;
    }
    if (view.registry.took(event)) {
      event.preventDefault();
      return;
    }
    const meant = actionOf(event, view.keymap);
    if (!meant) return;
    event.preventDefault();
    if (meant.digit === undefined) this.run(meant.action);
    else view.inspector.editor.digit(meant.digit, meant.action === "labelSelection");
    view.maps.forEach((map) => map.flush());
  }

  run(/** @type {string} */ action) {
    if (action === "leave") this.leave();
    else this.frame.registry.actions.get(action)?.();
  }

  /** Close what is open; if nothing is, return the keyboard focus to the notebook. */
  leave() {
    const { root, registry } = this.frame;
    if (registry.escape()) return;
    root.blur();
    /** @type {HTMLElement | null} */
    const around = root.closest(".jp-Notebook, .jp-Cell");
    around?.focus({ preventScroll: true });
  }
}
