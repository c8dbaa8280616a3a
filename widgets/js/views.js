/** Saved views: a menu to show, save and delete them; they are stored in the run. */
import { packMask } from "./base/bits.js";
import { closeButton, h, panelHead } from "./base/dom.js";

class ViewsMenu {
  /**
   * @param {{ store: import("./state/store.js").Store, wire: import("./state/wire.js").Wire, say: (text: string, kind?: string) => void, fail: (error: Error) => void,
   *   onOpen: () => void, onClose: () => void }} options
   */
  constructor({ store, wire, say, fail, onOpen, onClose }) {
    this.store = store;
    this.wire = wire;
    this.say = say;
    this.fail = fail;
    this.onOpen = onOpen;
    this.onClose = onClose;
    this.button = h(
      "button",
      {
        type: "button",
        class: "lw-button lw-views-button",
        title: "saved filters, selection, colour, zoom and epochs",
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        onclick: () => this.toggle(),
      },
      "Views ▾",
    );
    this.list = h("div", { class: "lw-view-list" });
    this.name = h("input", {
      class: "lw-path",
      placeholder: "name of a new view",
      "aria-label": "name of a new view",
      maxlength: "100",
      onkeydown: (event) => event.key === "Enter" && this.save(),
    });
    this.el = h(
      "div",
      { class: "lw-panel lw-views", role: "dialog", "aria-label": "saved views", hidden: true },
      panelHead("Saved views", () => this.toggle(false)),
      this.list,
      h(
        "div",
        { class: "lw-line" },
        this.name,
        h("button", {
          type: "button",
          class: "lw-button lw-primary",
          text: "Save",
          title: "save the filters, selection, colour, zoom and epochs in the run",
          onclick: () => this.save(),
        }),
      ),
    );
    this.show(this.store.meta.views || []);
  }

  /** @param {string[]} names */
  show(names) {
    const empty = h("div", { class: "lw-quiet", text: "None yet. A view stores filters, selection, colour, zoom and the epochs of the sliders." });
    /** @param {string} name */
    const line = (name) =>
      h(
        "div",
        { class: "lw-line" },
        h("button", { type: "button", class: "lw-link lw-view-name lw-clip", text: name, onclick: () => this.open(name) }),
        closeButton(`delete the view ${name}`, () => this.wire.ask("delete_view", { name }).catch(this.fail), "delete this view"),
      );
    this.list.replaceChildren(...(names.length ? names.map(line) : [empty]));
  }

  /** @param {string} name */
  async open(name) {
    try {
      await this.wire.ask("show_view", { name });
      this.say(`view ${name}`);
      this.toggle(false);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  async save() {
    const { store } = this,
      name = this.name.value.trim();
    if (!name) {
      this.name.focus({ preventScroll: true });
      return;
    }
    try {
      const mask = store.selectedCount ? [packMask(store.selected).buffer] : [];
      await this.wire.ask("save_view", { ...store.look, name }, mask);
      this.name.value = "";
      this.say(`saved the view ${name}`);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  /** Open or close the menu; returns whether that changed anything. */
  toggle(open = Boolean(this.el.hidden)) {
    const was = !this.el.hidden;
    this.el.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) {
      this.onOpen();
      this.name.focus({ preventScroll: true });
    } else if (was) this.onClose();
    return was !== open;
  }
}

/** @param {import("./main.js").Explorer} view */
export function viewsFeature(view) {
  if (view.store.locked) return; // a saved page cannot store views
  const menu = new ViewsMenu({
    store: view.store,
    wire: view.wire,
    say: view.say,
    fail: view.fail,
    onOpen: () => view.under(menu.el, menu.button),
    onClose: () => view.focus(),
  });
  view.addToHead(menu.button);
  view.addPanel(menu.el);
  view.registry.onPush("views", (body) => menu.show(body.views));
  view.registry.onEscape(() => menu.toggle(false));
}
