/** Undo and redo of the view: filters, colour, cameras, epochs and selection. Decisions have a separate history. */
import { h, iconButton } from "./base/dom.js";
import { capOf } from "./base/keys.js";
import { afterRest } from "./state/look.js";

/** @typedef {import("./state/store.js").Look & { selected: Uint8Array }} ViewState */

/** Maximum number of undo steps. */
const STEPS = 50;
/** Time without changes after which the changes count as one step, ms. */
const STEP_REST = 350;
/** @type {Record<keyof ViewState, string>} */
const WORDS = { filters: "filters", color_by: "colour", cameras: "zoom", epochs: "epoch", selected: "selection" };

/** A linear history of states with a current one. */
export class ViewHistory {
  /** @param {ViewState} state */
  constructor(state) {
    this.now = state;
    /** @type {ViewState[]} */
    this.past = [];
    /** @type {ViewState[]} */
    this.future = [];
  }

  /** Add a new state, unless it equals the current one. @param {ViewState} state */
  record(state) {
    if (!changedParts(this.now, state).length) return false;
    this.past.push(this.now);
    if (this.past.length > STEPS) this.past.shift();
    this.now = state;
    this.future = [];
    return true;
  }

  /** Undo (or, with `forward`, redo) one step; returns the new current state, or null. */
  travel(forward = false) {
    const [from, to] = forward ? [this.future, this.past] : [this.past, this.future];
    const state = from.pop();
    if (!state) return null;
    to.push(this.now);
    this.now = state;
    return state;
  }
}

/** The names of the parts in which two states differ. @param {ViewState} a @param {ViewState} b */
export function changedParts(a, b) {
  const parts = /** @type {(keyof ViewState)[]} */ (Object.keys(WORDS));
  return parts.filter((name) =>
    name === "selected" ? !sameMask(a.selected, b.selected) : JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function sameMask(a, b) {
  return a === b || (a.length === b.length && a.every((one, i) => one === b[i]));
}

/** @param {import("./main.js").Explorer} view */
export function viewHistoryFeature(view) {
  const { store, registry } = view;
  const state = () => ({ ...store.look, selected: store.selected });
  /** @type {ViewHistory | null} */
  let history = null;
  let busy = false;
  const back = iconButton("back", `undo the last change of the view (${capOf(view.keymap, "undoView")})`, () => travel(false)),
    forth = iconButton("forth", `redo the change of the view (${capOf(view.keymap, "redoView")})`, () => travel(true));
  const mark = () => {
    back.disabled = !history?.past.length;
    forth.disabled = !history?.future.length;
  };
  const record = () => {
    if (history && !busy && history.record(state())) mark();
  };
  const later = afterRest(STEP_REST, record);
  /** @param {boolean} forward */
  const travel = async (forward) => {
    if (!history || busy) return;
    record();
    const from = history.now,
      to = history.travel(forward);
    if (!to) {
      view.say(forward ? "no change of the view to redo" : "no change of the view to undo");
      return;
    }
    busy = true;
    try {
      await view.showLook(to);
      if (!sameMask(store.selected, to.selected)) store.setSelection(to.selected);
    } finally {
      busy = false;
    }
    mark();
    const parts = changedParts(from, to).map((name) => WORDS[name]);
    view.say(`view ${forward ? "redone" : "undone"}: ${parts.join(", ")}`);
  };
  store.on("look", later);
  store.on("mask", ({ selection }) => selection && later());
  registry.onAction("undoView", () => travel(false));
  registry.onAction("redoView", () => travel(true));
  registry.on("ready", () => (history = new ViewHistory(state())));
  registry.onEnd(() => later.cancel());
  view.addTool(h("span", { class: "lw-group" }, back, forth));
  mark();
}
