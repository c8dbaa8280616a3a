/** The line beside the pointer: which example lies there. */
import { h } from "./dom.js";
import { probability } from "./format.js";

export class Tip {
  /** @param {{store: object, media: object, paint: object, root: HTMLElement}} options */
  constructor(options) {
    Object.assign(this, options);
    this.el = h("div", { class: "lw-tip", hidden: true });
  }

  /** Say what lies under the pointer of a map; row -1 hides the tip. */
  show(row, map) {
    const { el } = this;
    el.hidden = row < 0 || Boolean(map.drag);
    if (el.hidden) return;
    el.textContent = this.text(row);
    const [x, y] = map.place2d(row);
    const stage = map.stage.getBoundingClientRect(),
      box = this.root.getBoundingClientRect();
    const left = stage.left - box.left + x + 10;
    el.style.left = `${Math.max(4, Math.min(left, box.width - el.offsetWidth - 8))}px`;
    el.style.top = `${stage.top - box.top + y + 12}px`;
  }

  text(row) {
    const { store } = this,
      item = this.media.peek(row),
      { by } = this.paint;
    if (store.blind) return `${item ? `${item.id} · ` : ""}hidden in blind mode`;
    const column = store.columns.get(by),
      value = store.values(by)?.[row];
    const shown = column.kind !== "category" ? probability(value) : value >= 0 ? column.categories[value] : "none";
    const change = store.labels[row] === store.given[row] ? "" : ` → ${store.className(store.labels[row])}`;
    return `${item ? `${item.id} · ` : ""}${store.className(store.given[row])}${change} · ${by} ${shown}`;
  }
}
