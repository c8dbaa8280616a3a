/** Tools shared by all maps: drag tool, selection mode, zoom and reset. */
import { h, iconButton, ICONS } from "../base/dom.js";

/** @type {[keyof typeof ICONS, string][]} */
const TOOLS = [
  ["lasso", "lasso: draw around points"],
  ["box", "box: drag a rectangle"],
  ["pan", "pan: drag the map"],
];
/** @type {[keyof typeof ICONS, string][]} */
const MODES = [
  ["replace", "new selection"],
  ["add", "add to the selection (Shift)"],
  ["remove", "remove from the selection (Alt or Ctrl)"],
];

export class Toolbar {
  /** @param {{ onZoom: (factor: number) => void, onHome: () => void, onClear: () => void }} actions */
  constructor({ onZoom, onHome, onClear }) {
    this.onZoom = onZoom;
    this.onHome = onHome;
    this.onClear = onClear;
    this.tool = "lasso";
    this.mode = "replace";
    this.wheelAt = -1e9;
    this.wheelInside = false;
    /** @type {() => EventTarget[]} */
    this.stages = () => [];
    this.toolButtons = TOOLS.map(([name, label]) => iconButton(name, label, () => this.setTool(name)));
    this.modeButtons = MODES.map(([name, label]) => iconButton(name, label, () => this.setMode(name)));
    this.info = h("span", { class: "lw-num lw-tool-info", "aria-live": "off" });
    this.el = h(
      "div",
      { class: "lw-toolbar", role: "toolbar", "aria-label": "map tools" },
      h("span", { class: "lw-group" }, this.toolButtons),
      h("span", { class: "lw-group" }, this.modeButtons),
      h(
        "span",
        { class: "lw-group" },
        textButton("−", "zoom out", () => this.onZoom(1 / 1.5)),
        textButton("+", "zoom in", () => this.onZoom(1.5)),
        iconButton("reset", "reset the view", () => this.onHome()),
      ),
      this.info,
      h("span", { class: "lw-space" }),
      (this.clear = h("button", {
        type: "button",
        class: "lw-link",
        text: "clear selection",
        hidden: true,
        onclick: () => this.onClear(),
      })),
    );
    this.onWheel = (/** @type {WheelEvent} */ event) => this.noteWheel(event);
    this.mark();
  }

  /** @param {string} tool */
  setTool(tool) {
    this.tool = tool;
    this.mark();
  }
  /** @param {string} mode */
  setMode(mode) {
    this.mode = mode;
    this.mark();
  }

  mark() {
    this.toolButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(TOOLS[i][0] === this.tool)));
    this.modeButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(MODES[i][0] === this.mode)));
  }

  /** Observe the mouse wheel of the page, so that scrolling past a map does not zoom it. @param {() => EventTarget[]} stages */
  watch(stages) {
    this.stages = stages;
    window.addEventListener("wheel", this.onWheel, { passive: true, capture: true });
  }

  /** @param {WheelEvent} event */
  noteWheel(event) {
    const path = event.composedPath(); // in a shadow tree, the target is the host
    const inside = this.stages().some((stage) => path.includes(stage));
    if (event.timeStamp - this.wheelAt > 180 || !inside) this.wheelInside = inside;
    this.wheelAt = event.timeStamp;
  }

  /** Whether the page is being scrolled by a wheel movement that started outside the maps. */
  scrolling() {
    return !this.wheelInside;
  }

  destroy() {
    window.removeEventListener("wheel", this.onWheel, { capture: true });
  }
}

/** @param {string} text @param {string} label @param {() => void} onclick */
function textButton(text, label, onclick) {
  return h("button", { type: "button", class: "lw-icon", text, title: label, "aria-label": label, onclick });
}
