/**
 * A picture with zoom and pan, on which an editor draws and receives the mouse in pixels of the picture. It shows a small
 * picture at once, and requests the original pixels, or tiles of very large pictures, when it is enlarged.
 */
import { h, sharpContext } from "./dom.js";
import { fitted, originalPixels, scaled, settled } from "./zoom.js";
/** @import { Place } from "./zoom.js" */

/**
 * @typedef {{ row: number, size: number[], src?: string, text?: string }} Shown a picture: its row, size in original pixels,
 *   source of the small version, or a text in its place
 * @typedef {{ image: CanvasImageSource, width: number }} Pixels of a picture, and their width
 * @typedef {object} Source of more pixels
 * @property {(row: number) => Promise<Pixels>} original
 * @property {(row: number, level: number, x: number, y: number) => Promise<Pixels>} tile a square of a picture shrunk by 2^level
 * @property {(row: number, box: number[]) => Promise<import("../state/messages.js").MaskRuns>} mask a part of a mask, x0, y0, x1, y1, with decisions
 * @typedef {{ move: (point: number[], event: PointerEvent) => void, end?: (moved: boolean) => void, cancel?: () => void }} Drag
 * @typedef {object} Hands
 * @property {(context: CanvasRenderingContext2D) => void} draw over the picture, in screen pixels
 * @property {(point: number[], event: PointerEvent) => Drag | null} press starts a drag; null pans
 * @property {(point: number[], event: PointerEvent) => void} click without a drag
 * @property {(point: number[]) => string} cursor
 * @property {() => void} twice a double click
 */

/** Side of a tile in pixels. */
export const TILE = 512;
/** Pictures with more pixels come in tiles. */
const MOST_PIXELS = 16_000_000;
/** Tiles kept, and originals of other examples. */
const TILES_KEPT = 64;
/** Time without a change before more pixels are requested, ms. */
const PIXELS_REST = 120;
/** Movement in screen pixels from which a press is a drag. */
const DRAG_FROM = 3;

export class ImageStage {
  canvas = h("canvas", { class: "lw-stage-canvas", role: "img" });
  el = h("div", { class: "lw-stage" }, this.canvas);
  /** @type {Shown | null} */
  shown = null;
  /** @type {Place} */
  place = { k: 1, x: 0, y: 0 };
  fits = true;
  /** whether a held key pans */
  holds = false;
  /** @type {Pixels | null} */
  pixels = null;
  /** @type {Map<string, Pixels | null>} tiles by level and place; null while requested */
  tiles = new Map();
  level = 0;
  frame = 0;
  timer = 0;
  /** script time of the last drawing, ms */
  spent = 0;
  /** whether the page is being scrolled by the wheel */
  scrolling = () => false;

  /** @param {Hands} hands @param {Source | null} source */
  constructor(hands, source) {
    this.hands = hands;
    this.source = source;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.el);
    this.listen();
  }

  /* ---- display ---- */

  /** Show a picture; the same one keeps its place. @param {Shown | null} shown */
  show(shown) {
    const before = this.shown;
    this.shown = shown;
    if (before?.row !== shown?.row || before?.src !== shown?.src) {
      this.pixels = null;
      this.tiles.clear();
      if (shown?.src) this.load(shown);
    }
    if (shown && (before?.row !== shown.row || String(before.size) !== String(shown.size))) this.fit();
    this.redraw();
  }

  /** @param {Shown} shown */
  load(shown) {
    const image = new Image();
    image.onload = () => {
      if (this.shown?.src !== shown.src || this.pixels) return;
      this.pixels = { image, width: image.naturalWidth };
      this.redraw();
    };
    image.src = shown.src ?? "";
  }

  box() {
    return [this.el.clientWidth, this.el.clientHeight];
  }

  resize() {
    if (this.fits) this.fit();
    else this.put(settled(this.place, this.box(), this.shown?.size ?? [1, 1]));
  }

  fit() {
    if (!this.shown || !this.el.clientWidth) return;
    this.put(fitted(this.box(), this.shown.size));
    this.fits = true;
  }

  /** @param {number} factor */
  zoom(factor, point = this.box().map((side) => side / 2)) {
    if (this.shown) this.put(scaled(this.place, factor, point, this.box(), this.shown.size));
  }

  /** Original size, or fit again. */
  togglePixels() {
    const ratio = window.devicePixelRatio || 1;
    if (!this.shown) return;
    if (!this.fits && Math.abs(this.place.k * ratio - 1) < 1e-6) this.fit();
    else this.put(originalPixels(this.place, this.box(), this.shown.size, ratio));
  }

  /** Show a place of the picture if it is out of sight. @param {number[]} point in its pixels */
  reveal(point) {
    const [x, y] = this.toScreen(point),
      [w, hgt] = this.box(),
      { k } = this.place;
    if (!this.shown || this.fits || (x >= 0 && y >= 0 && x <= w && y <= hgt)) return;
    this.put(settled({ k, x: w / 2 - point[0] * k, y: hgt / 2 - point[1] * k }, this.box(), this.shown.size));
  }

  /** @param {Place} place */
  put(place) {
    this.place = place;
    this.fits = false;
    this.redraw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.sharpen(), PIXELS_REST);
  }

  /** @param {number[]} point of the picture */
  toScreen([x, y]) {
    const { place } = this;
    return [x * place.k + place.x, y * place.k + place.y];
  }

  /** @param {MouseEvent} event */
  screenAt(event) {
    const box = this.canvas.getBoundingClientRect(); // scaled pages (browser zoom, CSS transforms) change its size
    return [((event.clientX - box.left) * this.el.clientWidth) / box.width, ((event.clientY - box.top) * this.el.clientHeight) / box.height];
  }

  /** The pixel of the picture under the mouse. @param {MouseEvent} event */
  at(event) {
    const [x, y] = this.screenAt(event),
      { place } = this;
    return [(x - place.x) / place.k, (y - place.y) / place.k];
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const began = performance.now(),
      { shown, place, pixels } = this,
      [w, hgt] = this.box();
    if (!w) return;
    const context = sharpContext(this.canvas, w, hgt);
    if (!shown) return;
    const scale = place.k * (window.devicePixelRatio || 1);
    context.imageSmoothingEnabled = scale < 3;
    if (pixels) context.drawImage(pixels.image, place.x, place.y, shown.size[0] * place.k, shown.size[1] * place.k);
    this.drawTiles(context, shown);
    if (shown.text) {
      context.fillStyle = getComputedStyle(this.el).color;
      context.fillText(shown.text, 8, 16, w - 16);
    }
    this.hands.draw(context);
    this.spent = performance.now() - began;
  }

  /* ---- more pixels ---- */

  /** Request the pixels that the enlargement needs, when it has come to rest. */
  async sharpen() {
    const { shown, source } = this,
      ratio = window.devicePixelRatio || 1;
    if (!shown?.src || !source || !this.pixels || this.place.k * ratio * shown.size[0] <= this.pixels.width) return;
    if (this.pixels.width >= shown.size[0]) return;
    if (shown.size[0] * shown.size[1] > MOST_PIXELS) {
      this.level = Math.max(0, Math.floor(Math.log2(1 / (this.place.k * ratio))));
      for (const [x, y] of this.tilesInSight(shown)) this.tile(shown, source, x, y);
      return;
    }
    const pixels = await source.original(shown.row).catch(() => null);
    if (pixels && this.shown?.row === shown.row) {
      this.pixels = pixels;
      this.redraw();
    }
  }

  /** @param {Shown} shown @returns {number[][]} places of the tiles of the current level in sight */
  tilesInSight({ size }) {
    const side = TILE * 2 ** this.level,
      { place } = this,
      box = this.box();
    /** @param {number} at @param {number} room @param {number} length */
    const along = (at, room, length) => {
      const first = Math.max(0, Math.floor(-at / place.k / side)),
        last = Math.min(Math.ceil(length / side), Math.ceil((room - at) / place.k / side));
      return Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
    };
    return along(place.y, box[1], size[1]).flatMap((y) => along(place.x, box[0], size[0]).map((x) => [x, y]));
  }

  /** @param {Shown} shown @param {Source} source @param {number} x @param {number} y */
  async tile(shown, source, x, y) {
    const { level } = this,
      key = `${level}/${x}/${y}`;
    if (this.tiles.has(key)) return;
    this.tiles.set(key, null);
    const tile = await source.tile(shown.row, level, x, y).catch(() => null);
    if (this.shown?.row !== shown.row) return;
    if (tile) this.tiles.set(key, tile);
    else this.tiles.delete(key);
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= TILES_KEPT) break;
      this.tiles.delete(oldest);
    }
    this.redraw();
  }

  /** Draw the tiles that are here, coarse ones first. @param {CanvasRenderingContext2D} context @param {Shown} shown */
  drawTiles(context, shown) {
    if (!this.tiles.size) return;
    const { place } = this,
      here = [...this.tiles].filter(([, tile]) => tile).map(([key, tile]) => ({ at: key.split("/").map(Number), tile }));
    here.sort((a, b) => b.at[0] - a.at[0]);
    for (const { at, tile } of here) {
      const [level, x, y] = at,
        side = TILE * 2 ** level,
        w = Math.min(side, shown.size[0] - x * side),
        hgt = Math.min(side, shown.size[1] - y * side);
      if (tile) context.drawImage(tile.image, x * side * place.k + place.x, y * side * place.k + place.y, w * place.k, hgt * place.k);
    }
  }

  /* ---- mouse ---- */

  listen() {
    const { canvas, hands } = this;
    /** @type {{ drag: Drag, from: number[], moved: boolean } | null} */
    let held = null;
    canvas.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault()); // no scrolling by the middle button
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.shown || event.button > 1) return;
      const pans = event.button === 1 || this.holds;
      held = { drag: (!pans && hands.press(this.at(event), event)) || this.pan(event), from: this.screenAt(event), moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) {
        canvas.style.cursor = this.holds ? "grab" : hands.cursor(this.at(event));
        return;
      }
      const [x, y] = this.screenAt(event);
      held.moved ||= Math.hypot(x - held.from[0], y - held.from[1]) >= DRAG_FROM;
      if (held.moved) held.drag.move(this.at(event), event);
    });
    canvas.addEventListener("pointerup", (event) => {
      const { drag, moved = false } = held ?? {};
      held = null;
      drag?.end?.(moved);
      if (drag && !moved && event.button === 0) hands.click(this.at(event), event);
    });
    canvas.addEventListener("pointercancel", () => {
      held?.drag.cancel?.();
      held = null;
    });
    canvas.addEventListener("dblclick", () => hands.twice());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** @param {PointerEvent} event @returns {Drag} */
  pan(event) {
    const from = this.screenAt(event),
      { place } = this;
    return {
      move: (_, now) => {
        const [x, y] = this.screenAt(now),
          moved = { k: place.k, x: place.x + x - from[0], y: place.y + y - from[1] };
        this.put(settled(moved, this.box(), this.shown?.size ?? [1, 1]));
      },
    };
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!this.shown || this.scrolling()) return;
    event.preventDefault();
    event.stopPropagation();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 16 : 1) * 0.0016), this.screenAt(event));
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.watch.disconnect();
  }
}
