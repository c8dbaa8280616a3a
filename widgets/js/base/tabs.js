/** Tabbed panels; hidden panels are not drawn. */
import { h } from "./dom.js";

export class Tabs {
  /** @param {[string, HTMLElement, () => void][]} panels name, element, how to draw it */
  constructor(panels) {
    this.panels = panels;
    this.shown = panels[0][0];
    this.frame = 0;
    /** @type {HTMLButtonElement[]} */
    this.buttons = [];
    this.bar = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "side panel" });
    this.el = h("div", { class: "lw-filters" }, this.bar);
    panels.splice(0).forEach((panel) => this.add(...panel));
  }

  /** @param {string} name @param {HTMLElement} el @param {() => void} draw */
  add(name, el, draw) {
    this.panels.push([name, el, draw]);
    this.buttons.push(h("button", { type: "button", role: "tab", text: name, onclick: () => this.show(name) }));
    this.bar.append(this.buttons[this.buttons.length - 1]);
    this.el.append(el);
    this.mark();
  }

  /** @param {string} name */
  show(name) {
    this.shown = name;
    this.mark();
    this.refresh(true);
  }

  mark() {
    this.panels.forEach(([name, el], i) => {
      el.hidden = name !== this.shown;
      this.buttons[i].setAttribute("aria-selected", String(name === this.shown));
    });
  }

  /** Draw the visible panel in the next frame; the first one (filters) only with `all`, as it draws itself. */
  refresh(all = false) {
    const [name, , draw] = this.panels.find(([one]) => one === this.shown) ?? this.panels[0];
    if (!all && name === this.panels[0][0]) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(draw);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
  }
}
