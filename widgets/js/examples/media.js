/** Thumbnails and texts, requested in batches of 24 and cached; rendering of an example as an element. */
import { hex } from "../base/color.js";
import { h, svgNode } from "../base/dom.js";
import { clip, count } from "../base/format.js";
import { rasterOf } from "../base/rasters.js";
import { layerOf } from "./masklayer.js";
/** @import { Item, MaskRuns, OpenAnswer } from "../state/messages.js" */

/** Examples per request. */
export const PACK = 24;
/** Maximum number of characters (two bytes each) of items kept in memory, mostly pictures. */
const ROOM = 16_000_000;
/** Number of characters of a long text shown before it is expanded. */
const FOLD = 700;

/** A cache of items by row that evicts the least recently used. */
export class Shelf {
  /** @param {number} [room] characters */
  constructor(room = ROOM) {
    this.room = room;
    this.size = 0;
    /** @type {Map<number, Item>} */
    this.items = new Map();
  }

  /** @param {number} row */
  get(row) {
    const item = this.items.get(row);
    if (item) {
      this.items.delete(row);
      this.items.set(row, item);
    }
    return item;
  }

  /** @param {number} row @param {Item} item */
  put(row, item) {
    this.drop(row);
    this.items.set(row, item);
    this.size += weight(item);
    for (const [oldest] of this.items) {
      if (this.size <= this.room || this.items.size === 1) return;
      this.drop(oldest);
    }
  }

  /** Forget a row. @param {number} row */
  drop(row) {
    const item = this.items.get(row);
    if (!item) return;
    this.size -= weight(item);
    this.items.delete(row);
  }
}

/** @param {Item} item */
function weight({ src = "", text = "", html = "", url = "", table = [] }) {
  return 200 + [src, text, html, url, ...table.flat()].reduce((sum, part) => sum + part.length, 0);
}

export class Media {
  /** @param {import("../state/wire.js").Wire} wire @param {OpenAnswer["media"]} kind @param {{ large?: boolean }} [question] */
  constructor(wire, kind, question = {}) {
    this.wire = wire;
    this.kind = kind;
    this.question = question;
    this.shelf = new Shelf();
    /** @type {Map<number, Promise<void>>} */
    this.asked = new Map();
    /** @type {(code: number) => number[] | null} colour of a class; null for none */
    this.color = () => null;
    /** @type {Media | null} */
    this.large = kind === "image" && !question.large ? new Media(wire, kind, { large: true }) : null; // larger pictures
  }

  /** The space that an example needs: "image", "text" or "none". */
  get shape() {
    return this.kind === "image" || this.kind === "none" ? this.kind : "text";
  }

  /** The item of a row if it is cached. @param {number} row */
  peek(row) {
    return this.shelf.get(row);
  }

  /** Items of rows, in order; requests only those that are neither cached nor already requested. @param {number[]} rows */
  async want(rows) {
    const missing = rows.filter((row) => !this.shelf.get(row) && !this.asked.has(row));
    for (let i = 0; i < missing.length; i += PACK) this.ask(missing.slice(i, i + PACK));
    await Promise.all(rows.map((row) => this.asked.get(row)).filter(Boolean));
    return rows.map((row) => this.shelf.get(row));
  }

  /** @param {number[]} rows */
  ask(rows) {
    const answer = this.wire
      .ask("media", { rows: Array.from(rows), ...this.question })
      .then(({ body }) => {
        for (const item of body.items) this.keep(item);
      })
      .finally(() => rows.forEach((row) => this.asked.delete(row)));
    rows.forEach((row) => this.asked.set(row, answer));
    return answer;
  }

  /** Forget pictures whose objects changed. @param {number[]} rows */
  forget(rows) {
    for (const row of rows) this.shelf.drop(row);
    this.large?.forget(rows);
  }

  /** Render an example with its objects. @param {Item | undefined} item @param {string} size as in `mediaNode` */
  node(item, size) {
    const node = mediaNode(item, size);
    if (!item?.mask && !item?.objects?.length) return node;
    const both = document.createDocumentFragment();
    both.append(node);
    if (item.mask) both.append(maskNode(item.mask, this.color));
    if (item.objects?.length) both.append(objectsNode(item, this.color));
    return both;
  }

  /** @param {Item} item */
  keep(item) {
    this.shelf.put(item.row, item);
  }
}

/**
 * Render an example.
 * @param {import("../state/messages.js").Item | undefined} item @param {string} size class suffix: "thumb" or "full"
 */
export function mediaNode(item, size) {
  if (!item) return h("span", { class: `lw-media lw-${size} lw-wait` });
  const kind = APPEARANCES.find((name) => item[name] !== undefined && item[name] !== null);
  return kind ? NODES[kind](item, size) : nothing(item, size);
}

/** The mask of a picture, laid over it. @param {MaskRuns} mask @param {(code: number) => number[] | null} color */
function maskNode(mask, color) {
  const layer = layerOf(rasterOf(mask, Math.ceil(mask.width / mask.step), Math.ceil(mask.height / mask.step)), color);
  layer.className = "lw-objects";
  return layer;
}

/**
 * The objects of a picture, drawn over it; points are boxes without a size.
 * @param {Item} item @param {(code: number) => number[] | null} color
 */
function objectsNode({ width = 1, height = 1, objects = [] }, color) {
  const svg = svgNode("svg", { class: "lw-objects", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const [x0, y0, x1, y1, code] of objects) {
    const point = x0 === x1 && y0 === y1,
      place = { x: x0 * width, y: y0 * height, width: (x1 - x0) * width, height: (y1 - y0) * height };
    const stroke = hex(color(code) ?? [128, 128, 128]);
    svg.append(point ? svgNode("circle", { cx: place.x, cy: place.y, r: Math.max(width, height) / 32, stroke }) : svgNode("rect", { ...place, stroke }));
  }
  return svg;
}

/** @type {("error" | "src" | "html" | "url" | "sound" | "table" | "text")[]} */
const APPEARANCES = ["error", "src", "html", "url", "sound", "table", "text"];

/** @type {Record<"error" | "src" | "html" | "url" | "sound" | "table" | "text", (item: Item, size: string) => Node>} */
const NODES = {
  error: ({ error = "", brief }, size) =>
    h("span", {
      class: `lw-media lw-${size} lw-broken`,
      title: error,
      text: size === "full" ? error : clip(brief || error, 60),
    }),
  src: ({ id, src, width, height, alpha }, size) =>
    h("img", {
      class: `lw-media lw-${size}${isSmall(width, height) ? " lw-pixels" : ""}${alpha ? " lw-alpha" : ""}`,
      src,
      alt: `example ${id}`,
      draggable: "false",
    }),
  html: ({ id, html }) =>
    h("iframe", { class: "lw-media lw-html", sandbox: "", srcdoc: html, title: `example ${id}`, referrerpolicy: "no-referrer" }),
  url: ({ url = "" }, size) => urlNode(url, size),
  sound: ({ sound, text }, size) =>
    h(
      "span",
      { class: `lw-media lw-${size} lw-sound` },
      h("span", { class: "lw-sound-name lw-clip", text: `♪ ${sound}`, title: sound }),
      text ? textNode(text, size) : null,
    ),
  table: ({ table = [] }, size) => tableNode(table, size),
  text: ({ text = "" }, size) => textNode(text, size),
};

/**
 * Whether a picture is so small that its pixels should appear as squares when enlarged.
 * @param {number|undefined} width @param {number|undefined} height
 */
export const isSmall = (width, height) => Math.max(width || 0, height || 0) < 64;

/** @param {Item} item @param {string} size */
function nothing({ id }, size) {
  return h("span", { class: `lw-media lw-${size} lw-none`, text: clip(String(id ?? ""), 18) });
}

/**
 * A URL as text; in the inspector, a web address can be opened by a click. Nothing is fetched otherwise.
 * @param {string} url @param {string} size
 */
function urlNode(url, size) {
  const attributes = { class: `lw-media lw-${size} lw-url`, title: `${url}\nnot fetched`, text: size === "full" ? url : clip(url, 40) };
  if (size !== "full" || !/^https?:\/\//i.test(url)) return h("span", attributes);
  return h("a", { ...attributes, href: url, target: "_blank", rel: "noopener noreferrer" });
}

/** @param {string[][]} table @param {string} size */
function tableNode(table, size) {
  if (size !== "full")
    return h("span", { class: `lw-media lw-${size} lw-text`, text: table.map(([name, value]) => `${name}  ${value}`).join("\n") });
  return h(
    "dl",
    { class: "lw-media lw-full lw-columns" },
    table.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value, title: value })]),
  );
}

/** @param {string} text @param {string} size */
function textNode(text, size) {
  const node = h("span", { class: `lw-media lw-${size} lw-text`, dir: "auto", text: size === "thumb" ? clip(text, 160) : text });
  return size === "full" && text.length > FOLD * 1.2 ? folded(node, text) : node;
}

/** A long text, collapsed to its beginning, with a button to expand it. @param {HTMLElement} node @param {string} text */
function folded(node, text) {
  let open = false;
  const button = h("button", { type: "button", class: "lw-link lw-unfold", onclick: () => turn(!open) });
  /** @param {boolean} next */
  const turn = (next) => {
    open = next;
    button.textContent = open ? "less" : `… ${count(text.length - FOLD)} more characters`;
    button.setAttribute("aria-expanded", String(open));
    node.replaceChildren(open ? text : text.slice(0, FOLD), button);
  };
  turn(false);
  return node;
}
