/** Keys: every press stays in the view, and what it means is done at once. */
import { actionOf } from "./keys.js";

export class Keyboard {
  /** @param {object} view the Explorer whose parts act */
  constructor(view) {
    this.view = view;
    const { root } = view;
    for (const type of ["keydown", "keyup", "keypress"]) view.registry.listen(root, type, (event) => event.stopPropagation());
    view.registry.listen(root, "keydown", (event) => this.key(event));
    view.registry.listen(root, "pointerdown", (event) => this.takeFocus(event));
    view.registry.listen(root, "change", (event) => {
      if (event.target.tagName === "SELECT") view.focus();
    });
  }

  /** A press of the mouse puts the keys to work: buttons do not keep the focus, fields do. */
  takeFocus(event) {
    if (event.target.closest("input, select, textarea, label")) return;
    if (event.target.closest("button")) event.preventDefault();
    this.view.focus();
  }

  key(event) {
    const { view } = this;
    if (!view.store) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") {
        view.registry.escape();
        view.focus();
      }
      return;
    }
    if (event.target.closest("button") && (event.key === " " || event.key === "Enter")) return; // a button reached by Tab
    if (view.registry.took(event)) {
      event.preventDefault();
      return;
    }
    const meant = actionOf(event, view.keymap);
    if (!meant) return;
    event.preventDefault();
    this.run(meant);
  }

  run({ action, digit }) {
    const { actions, inspector, registry } = this.view,
      code = digit === undefined ? -1 : inspector.digits[digit];
    if (digit !== undefined && code === undefined) {
      this.view.say(`no class on key ${digit}`, "warn");
      return;
    }
    if (action === "label") actions.label(code);
    else if (action === "labelSelection") actions.labelSelection(code);
    else if (action === "leave") this.leave();
    else registry.actions.get(action)();
    this.view.maps.forEach((map) => map.flush());
  }

  /** Close what is open; when nothing is, give the keyboard back to the notebook. */
  leave() {
    const { root, registry } = this.view;
    if (registry.escape()) return;
    root.blur();
    root.closest(".jp-Notebook, .jp-Cell")?.focus({ preventScroll: true });
  }
}
