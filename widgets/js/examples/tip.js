/** A tooltip beside the pointer: the example under it, with its picture. */
import { h } from "../base/dom.js";
import { probability } from "../base/format.js";

/** Time without movement before a picture is requested, ms. */
const POINTER_REST = 120;

export class Tip {
  /** @param {{ store: import("../state/store.js").Store, media: import("./media.js").Media, paint: import("../maps/paint.js").Paint, root: HTMLElement }} options */
  constructor({ store, media, paint, root }) {
    this.store = store;
    this.media = media;
    this.paint = paint;
    this.root = root;
    this.timer = 0;
    this.line = h("div", { class: "lw-clip" });
    this.picture = h("div", { class: "lw-tip-media", hidden: true });
    this.el = h("div", { class: "lw-tip", hidden: true }, this.picture, this.line);
    this.row = -1;
  }

  /** Show the example under the pointer of a map; row -1 hides the tooltip. @param {number} row @param {import("../maps/map.js").PointMap} map */
  show(row, map) {
    const { el } = this;
    el.hidden = row < 0 || Boolean(map.drag);
    this.row = el.hidden ? -1 : row;
    clearTimeout(this.timer);
    if (el.hidden) return;
    this.line.textContent = this.text(row);
    this.draw(row);
    const [x, y] = map.place2d(row);
    const stage = map.stage.getBoundingClientRect(),
      box = this.root.getBoundingClientRect();
    const left = stage.left - box.left + x + 10,
      top = stage.top - box.top + y + 12;
    el.style.left = `${Math.max(4, Math.min(left, box.width - el.offsetWidth - 8))}px`;
    el.style.top = `${top + el.offsetHeight > box.height - 4 ? Math.max(4, top - el.offsetHeight - 24) : top}px`;
  }

  /** Show the picture of a row, requested when the pointer rests. @param {number} row */
  draw(row) {
    const { media, picture } = this;
    picture.hidden = media.kind !== "image"; // its space is reserved, so that nothing moves when it arrives
    if (picture.hidden) return;
    const item = media.peek(row);
    picture.replaceChildren(media.node(item, "thumb"));
    if (item) return;
    this.timer = setTimeout(async () => {
      try {
        await media.want([row]);
      } catch {
        return; // the text line names the example; the inspector shows why the picture is missing
      }
      if (this.row !== row) return;
      this.line.textContent = this.text(row);
      picture.replaceChildren(media.node(media.peek(row), "thumb"));
    }, POINTER_REST);
  }

  destroy() {
    clearTimeout(this.timer);
  }

  /** @param {number} row */
  text(row) {
    const { store } = this,
      item = this.media.peek(row),
      { by } = this.paint;
    if (store.blind) return `${item ? `${item.id} · ` : ""}hidden in blind mode`;
    const column = store.columns.get(by),
      value = store.values(by)?.[row];
    const shown = column?.kind !== "category" ? probability(value) : value !== undefined && value >= 0 ? column.categories?.[value] : "none";
    const change = store.edited(row) ? ` → ${store.className(store.labels[row])}` : "";
    return `${item ? `${item.id} · ` : ""}${store.className(store.given[row])}${change} · ${by} ${shown}`;
  }
}
