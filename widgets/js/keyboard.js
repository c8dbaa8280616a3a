/** Keys: every press stays in the view, and what it means is done at once. */
import { actionOf } from "./keys.js";

export class Keyboard {
  /** @param {object} view the Explorer whose parts act */
  constructor(view) {
    this.view = view;
    const { root } = view;
    for (const type of ["keydown", "keyup", "keypress"]) view.listen(root, type, (event) => event.stopPropagation());
    view.listen(root, "keydown", (event) => this.key(event));
    view.listen(root, "pointerdown", (event) => this.takeFocus(event));
    view.listen(root, "change", (event) => {
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
    if (!this.view.store) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") {
        this.view.inspector.typeBox.close();
        if (!this.view.exporter.el.hidden) this.view.exporter.toggle(false);
        this.view.focus();
      }
      return;
    }
    if (event.target.closest("button") && (event.key === " " || event.key === "Enter")) return; // a button reached by Tab
    const meant = actionOf(event, this.view.keymap);
    if (!meant) return;
    event.preventDefault();
    this.run(meant);
  }

  run({ action, digit }) {
    const { actions, store, inspector } = this.view,
      code = digit === undefined ? -1 : inspector.digits[digit];
    if (digit !== undefined && code === undefined) {
      this.view.say(`no class on key ${digit}`, "warn");
      return;
    }
    const table = {
      label: () => actions.label(code),
      labelSelection: () => actions.labelSelection(code),
      accept: () => actions.accept(),
      keep: () => actions.keep(),
      skip: () => actions.skip(),
      flag: () => actions.flag(),
      undo: () => actions.undo(),
      redo: () => actions.redo(),
      next: () => store.step(1),
      previous: () => store.step(-1),
      type: () => inspector.typeBox.openClass(),
      note: () => inspector.openNote(),
      neighbors: () => this.selectNeighbors(),
      blind: () => this.toggleBlind(),
      clear: () => store.clearSelection(),
      help: () => this.view.toggleHelp(),
      leave: () => this.leave(),
    };
    table[action]();
    this.view.maps.forEach((map) => map.flush());
  }

  selectNeighbors() {
    const { store } = this.view,
      near = store.neighborsOf;
    if (!near || near.row !== store.row || !near.rows.length) {
      this.view.say("no neighbours for this example", "warn");
      return;
    }
    const mask = new Uint8Array(store.n);
    for (const row of [store.row, ...near.rows]) mask[row] = 1;
    const { row } = store;
    store.setSelection(mask);
    store.goTo(row);
    this.view.say(`${near.rows.length} neighbours selected`);
  }

  toggleBlind() {
    this.view.store.blind = !this.view.store.blind;
    this.view.say(this.view.store.blind ? "suggestions hidden until you choose" : "suggestions shown");
    this.view.inspector.facts();
    if (this.view.inspector.answer) {
      this.view.inspector.reasons();
      this.view.inspector.redrawCurve();
    }
  }

  /** Close what is open; when nothing is, give the keyboard back to the notebook. */
  leave() {
    if (!this.view.helpBox.hidden) {
      this.view.toggleHelp(false);
      return;
    }
    if (!this.view.exporter.el.hidden) {
      this.view.exporter.toggle(false);
      return;
    }
    this.view.root.blur();
    this.view.root.closest(".jp-Notebook, .jp-Cell")?.focus({ preventScroll: true });
  }
}
