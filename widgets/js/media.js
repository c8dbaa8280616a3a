/** Thumbnails and texts, asked for in packs of 24 and kept for a while. */
import { h } from "./dom.js";
import { clip } from "./format.js";

/** Examples per request. */
export const PACK = 24;
/** Items kept in memory. */
const ITEMS_KEPT = 1500;

export class Media {
  /** @param {object} wire @param {string} kind "image", "text" or "none" */
  constructor(wire, kind) {
    Object.assign(this, { wire, kind, items: new Map(), asked: new Map() });
  }

  /** The item of a row if it is here. */
  peek(row) {
    return this.items.get(row);
  }

  /** Items of rows, in order; asks only for those that are not here or on their way. */
  async want(rows) {
    const missing = rows.filter((row) => !this.items.has(row) && !this.asked.has(row));
    for (let i = 0; i < missing.length; i += PACK) this.ask(missing.slice(i, i + PACK));
    await Promise.all(rows.map((row) => this.asked.get(row)).filter(Boolean));
    return rows.map((row) => this.items.get(row));
  }

  ask(rows) {
    const answer = this.wire
      .ask("media", { rows: Array.from(rows) })
      .then(({ body }) => {
        for (const item of body.items) this.keep(item);
      })
      .finally(() => rows.forEach((row) => this.asked.delete(row)));
    rows.forEach((row) => this.asked.set(row, answer));
    return answer;
  }

  keep(item) {
    this.items.set(item.row, item);
    if (this.items.size > ITEMS_KEPT) this.items.delete(this.items.keys().next().value);
  }
}

/**
 * A picture or a text as an element.
 * @param {object|undefined} item {id, src, text, error} @param {string} size class suffix: "thumb" or "full"
 */
export function mediaNode(item, size) {
  if (!item) return h("span", { class: `lw-media lw-${size} lw-wait` });
  if (item.error)
    return h("span", {
      class: `lw-media lw-${size} lw-broken`,
      title: item.error,
      text: size === "full" ? item.error : "unreadable",
    });
  if (item.src) {
    const small = Math.max(item.width || 0, item.height || 0) < 64;
    return h("img", {
      class: `lw-media lw-${size}${small ? " lw-pixels" : ""}`,
      src: item.src,
      alt: `example ${item.id}`,
      draggable: "false",
    });
  }
  if (item.text !== undefined && item.text !== null)
    return h("span", {
      class: `lw-media lw-${size} lw-text`,
      text: size === "thumb" ? clip(item.text, 160) : item.text,
    });
  return h("span", { class: `lw-media lw-${size} lw-none`, text: clip(String(item.id ?? ""), 18) });
}
