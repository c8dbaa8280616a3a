/** One map: points, axes, pan, zoom, lasso, box and click. Several maps share one store and one set of tools. */
import { countMask } from "../base/bits.js";
import { h, sharpContext, withCode } from "../base/dom.js";
import {
  cellsOf,
  combined,
  insideBox,
  insidePolygon,
  modeFor,
  nearest,
  normalized,
  pointStyle,
  toData,
  toScreen,
  zoomed,
} from "../base/geometry.js";
import { extent } from "../base/bits.js";
import { drawAxes, drawNeighbors, drawOutline, drawRegions, ink, ring } from "./overlay.js";
import { Points2D } from "./points_2d.js";
import { PointsGL } from "./points_gl.js";
/** @import { Rows } from "../base/bits.js" */
/** @import { Theme } from "../base/color.js" */
/** @import { Camera } from "../base/geometry.js" */
/** @import { Trail } from "./trails.js" */

/** @typedef {{ kind: string, points: number[][], mode: string, camera: Camera, far: number }} Drag what a pressed pointer draws or moves */

const HOME = { k: 1, tx: 0, ty: 0 };
/** Maximum number of changed rows that are sent one by one. */
const FEW_ROWS = 2000;
/** Number of cells per side of the grid in which points are counted. */
const CELLS = 48;

export class PointMap {
  /**
   * @param {{ store: import("../state/store.js").Store, tools: import("./toolbar.js").Toolbar, theme: () => import("../base/color.js").Theme,
   *   paint: import("./paint.js").Paint, onHover: (row: number, map: PointMap) => void, onPick: (row: number) => void,
   *   onSelect: (mask: Uint8Array, how: { taken: number, mode: string }) => void,
   *   title: string, x?: string, y?: string, regions?: boolean, webgl?: boolean }} options
   */
  constructor(options) {
    this.store = options.store;
    this.tools = options.tools;
    this.theme = options.theme;
    this.paint = options.paint;
    this.onHover = options.onHover;
    this.onPick = options.onPick;
    this.onSelect = options.onSelect;
    this.title = options.title;
    this.x = options.x;
    this.y = options.y;
    this.regions = options.regions;
    /** @type {() => void} set by a feature */
    this.onCamera = () => {};
    /** @type {Camera} */
    this.camera = { ...HOME };
    /** @type {Float32Array | null} places of all rows, once there are any */
    this.xy = null;
    /** @type {number[][]} */
    this.ranges = [];
    /** @type {Trail | null} */
    this.trails = null;
    /** @type {number | undefined} on show; the last where none is named */
    this.epoch = undefined;
    /** @type {((c: CanvasRenderingContext2D, map: PointMap, colors: Theme) => void)[]} */
    this.overlays = [];
    /** @type {Drag | null} */
    this.drag = null;
    this.hover = -1;
    this.frame = 0;
    this.overFrame = 0;
    this.gliding = 0;
    this.looking = 0;
    this.size = { width: 0, height: 0 };
    /** @type {Float32Array | null} places that `cells` counts */
    this.counted = null;
    this.cells = new Uint32Array(0);
    this.base = h("canvas", { class: "lw-points", "aria-hidden": "true" });
    this.over = h("canvas", {
      class: "lw-over",
      role: "img",
      "aria-label": `${options.title} of all examples; the gallery lists them for the keyboard`,
    });
    this.message = h("div", { class: "lw-empty" });
    this.stage = h("div", { class: "lw-stage" }, this.base, this.over, this.message);
    this.heading = h("span", { class: "lw-map-title", text: options.title });
    this.note = h("span", { class: "lw-map-note" });
    this.extra = h("span", { class: "lw-map-extra" });
    this.el = h(
      "section",
      { class: "lw-map", "aria-label": options.title },
      h("div", { class: "lw-row" }, this.heading, this.note, this.extra),
      this.stage,
    );
    this.points = (options.webgl !== false && PointsGL.on(this.base)) || new Points2D(this.freshCanvas());
    this.points.onrestored = () => this.redraw();
    this.listen();
  }

  /** Replace the canvas: one that has had a WebGL context cannot have a 2D context. */
  freshCanvas() {
    const canvas = h("canvas", { class: "lw-points", "aria-hidden": "true" });
    this.base.replaceWith(canvas);
    return (this.base = canvas);
  }

  /* ---- data ---- */

  /**
   * Set the positions; `ranges` fixes the axes, otherwise they fit the data with a small margin. Points that move glide.
   * @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {number[][]|null} [ranges]
   */
  setData(xs, ys, ranges = null) {
    this.message.textContent = "";
    this.ranges = ranges || [extent(xs), extent(ys)];
    const next = normalized(xs, ys, this.ranges[0], this.ranges[1]);
    const calm = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches,
      from = this.xy?.length === next.length && next.length <= 200_000 && !calm ? this.xy : null;
    if (from && next.some((value, i) => !Object.is(value, from[i]))) this.glide(from, next);
    else this.place(next);
  }

  /** @param {Float32Array<ArrayBuffer>} xy */
  place(xy) {
    cancelAnimationFrame(this.gliding);
    this.xy = xy;
    this.points.setPositions(xy);
    this.recolor();
  }

  /** Animate the points to new positions. @param {Float32Array} from @param {Float32Array<ArrayBuffer>} to */
  glide(from, to) {
    cancelAnimationFrame(this.gliding);
    const start = performance.now(),
      mid = new Float32Array(to.length);
    /** @param {number} now */
    const tick = (now) => {
      const t = Math.min(1, (now - start) / 350),
        e = t * t * (3 - 2 * t);
      for (let i = 0; i < to.length; i++) mid[i] = from[i] + (to[i] - from[i]) * e;
      this.points.setPositions(t < 1 ? mid : to);
      this.redraw();
      if (t < 1) this.gliding = requestAnimationFrame(tick);
    };
    this.xy = to;
    this.gliding = requestAnimationFrame(tick);
  }

  /** @param {string} text */
  say(text) {
    this.message.replaceChildren(h("span", {}, withCode(text)));
  }

  /** All colours, states or the colour table changed. */
  recolor() {
    const { levels, states, table } = this.paint;
    if (!levels || !table) return;
    this.points.setTable(table);
    this.points.setLevels(levels);
    this.points.setStates(states);
    this.redraw();
  }

  /** States of these or all rows changed, by filters or the selection. @param {Rows|null} [rows] */
  restate(rows = null) {
    if (!this.paint.levels) return;
    if (rows && rows.length <= FEW_ROWS) this.points.touch("states", rows);
    else this.points.setStates(this.paint.states);
    this.redraw();
  }

  /** Only these rows changed. @param {Rows} rows */
  retouch(rows) {
    if (rows.length > FEW_ROWS) {
      this.recolor();
      return;
    }
    this.points.touch("levels", rows);
    this.points.touch("states", rows);
    this.redraw();
  }

  /* ---- drawing ---- */

  resize() {
    const width = this.stage.clientWidth,
      height = this.stage.clientHeight,
      ratio = window.devicePixelRatio || 1;
    if (!width || !height) return;
    const w = Math.round(width * ratio),
      hgt = Math.round(height * ratio);
    if (this.base.width === w && this.base.height === hgt && this.size.width === width && this.size.height === height) {
      this.flush();
      return;
    }
    this.size = { width, height };
    this.base.width = w;
    this.base.height = hgt;
    this.draw();
  }

  /** Draw immediately instead of in the next frame, after a key press. */
  flush() {
    if (this.frame) this.draw();
  }

  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Redraw only the layer above the points, so that a ring does not redraw a million points. */
  redrawOver() {
    if (!this.frame && !this.overFrame) this.overFrame = requestAnimationFrame(() => this.drawOver(this.theme()));
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const {
      size: { width, height },
      store,
      theme,
    } = this;
    if (!width) return;
    const colors = theme(),
      style = pointStyle(store.n, width * height, this.camera.k);
    this.points.draw({
      camera: this.camera,
      ...style,
      rise: this.paint.rise,
      grey: colors.grey,
      outline: colors.text,
      anySelected: store.selectedCount > 0,
      ratio: window.devicePixelRatio || 1,
    });
    this.drawOver(colors);
  }

  /** @param {Theme} colors */
  drawOver(colors) {
    cancelAnimationFrame(this.overFrame);
    this.overFrame = 0;
    const { size, xy, store, drag } = this,
      c = sharpContext(this.over, size.width, size.height);
    c.font = "10px system-ui, sans-serif";
    if (xy) {
      if (this.x) drawAxes(c, { x: this.x, y: this.y ?? "", ranges: this.ranges, size, camera: this.camera }, colors);
      if (this.regions && this.camera.k === 1) drawRegions(c, size, colors, (box) => this.crowd(box));
      for (const paint of this.overlays) paint(c, this, colors);
      const near = store.neighborsOf,
        hidden = this.x && store.hides(store.row); // its position on a map of scores would reveal how suspicious it is
      if (near && near.row === store.row && !hidden)
        drawNeighbors(
          c,
          this.place2d(near.row),
          near.rows.map((row) => this.place2d(row)),
          !this.x,
          colors,
        );
      if (this.hover >= 0) {
        ring(c, this.place2d(this.hover), 6, ink(colors.text, 0.8), 1);
        this.onHover(this.hover, this); // the tooltip moves with the point
      }
      if (store.row >= 0 && !hidden) {
        ring(c, this.place2d(store.row), 8, ink(colors.background), 4);
        ring(c, this.place2d(store.row), 8, ink(colors.text), 2);
      }
    }
    if (drag && drag.kind !== "pan") drawOutline(c, drag, colors);
  }

  /** Approximate number of points in a box [x0, y0, x1, y1] in pixels when the whole map is shown. */
  crowd(/** @type {number[]} */ [x0, y0, x1, y1]) {
    if (this.xy && this.counted !== this.xy) {
      this.counted = this.xy;
      this.cells = cellsOf(this.xy, CELLS);
    }
    const { width, height } = this.size,
      at = (/** @type {number} */ v, /** @type {number} */ span) => Math.max(0, Math.min(CELLS - 1, Math.floor((v / span) * CELLS)));
    let sum = 0;
    for (let b = at(y0, height); b <= at(y1, height); b++)
      for (let a = at(x0, width); a <= at(x1, width); a++) sum += this.cells[b * CELLS + a];
    return sum;
  }

  /** Position of a row, in pixels. @param {number} row */
  place2d(row) {
    const [x, y] = this.xy ? [this.xy[2 * row], this.xy[2 * row + 1]] : [NaN, NaN];
    return toScreen([x, y], this.size, this.camera);
  }

  /* ---- mouse ---- */

  listen() {
    const { over } = this;
    over.addEventListener("pointerdown", (event) => this.down(event));
    over.addEventListener("pointermove", (event) => this.move(event));
    over.addEventListener("pointerup", (event) => this.up(event));
    over.addEventListener("pointercancel", () => this.cancel());
    over.addEventListener("pointerleave", () => this.setHover(-1));
    over.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    over.addEventListener("dblclick", () => this.home());
  }

  /** @param {MouseEvent} event */
  at(event) {
    const box = this.over.getBoundingClientRect(); // scaled pages (browser zoom, CSS transforms) change its size
    return [
      ((event.clientX - box.left) * this.size.width) / box.width,
      ((event.clientY - box.top) * this.size.height) / box.height,
    ];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.xy || event.button > 1) return;
    this.over.setPointerCapture(event.pointerId);
    const kind = event.button === 1 ? "pan" : this.tools.tool;
    this.drag = {
      kind,
      points: [this.at(event)],
      mode: modeFor(event, this.tools.mode),
      camera: { ...this.camera },
      far: 0,
    };
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  move(event) {
    const here = this.at(event);
    if (!this.drag) {
      this.lookAt(here);
      return;
    }
    const { points, kind, camera } = this.drag;
    this.drag.far = Math.max(this.drag.far, Math.hypot(here[0] - points[0][0], here[1] - points[0][1]));
    if (kind === "pan") {
      const { width, height } = this.size;
      this.setCamera({
        k: camera.k,
        tx: camera.tx + ((here[0] - points[0][0]) / width) * 2,
        ty: camera.ty - ((here[1] - points[0][1]) / height) * 2,
      });
    } else {
      points.push(here);
      this.drawOver(this.theme());
    }
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { drag } = this;
    if (!drag) return;
    this.drag = null;
    if (drag.far < 4) this.click(this.at(event), drag.mode, event);
    else if (drag.kind !== "pan") this.outline(drag);
    this.redrawOver();
  }

  cancel() {
    this.drag = null;
    this.redrawOver();
  }

  /** Select the points inside an outline. @param {Drag} drag */
  outline({ kind, points, mode }) {
    if (!this.xy) return;
    const path = points.map((p) => toData(p, this.size, this.camera));
    const allowed = this.store.filter.passing;
    const fresh =
      kind === "box"
        ? insideBox(this.xy, path[0], path[path.length - 1], allowed)
        : insidePolygon(this.xy, path, allowed);
    const mask = combined(this.store.selected, fresh, mode);
    this.onSelect(mask, { taken: countMask(fresh), mode });
  }

  /**
   * A click on a point shows it (with a modifier, adds or removes it); on the background, clears the selection.
   * @param {number[]} here @param {string} mode @param {MouseEvent} event
   */
  click(here, mode, event) {
    const row = this.find(here, 10);
    const modified = event.shiftKey || event.altKey || event.ctrlKey || event.metaKey || this.tools.mode !== "replace";
    if (row < 0) {
      if (!modified) this.store.clearSelection();
      return;
    }
    if (modified) {
      const fresh = new Uint8Array(this.store.n);
      fresh[row] = 1;
      this.onSelect(combined(this.store.selected, fresh, mode), { taken: 1, mode });
    } else this.onPick(row);
  }

  /** @param {number[]} here @param {number} radius */
  find(here, radius) {
    if (!this.xy) return -1;
    const { width, height } = this.size,
      place = toData(here, this.size, this.camera);
    return nearest(
      this.xy,
      place,
      (radius * 2) / width / this.camera.k,
      (radius * 2) / height / this.camera.k,
      this.store.filter.passing,
    );
  }

  /** @param {number[]} here */
  lookAt(here) {
    if (this.looking) return;
    this.looking = requestAnimationFrame(() => {
      this.looking = 0;
      this.setHover(this.find(here, 7));
    });
  }

  /** @param {number} row */
  setHover(row) {
    if (row === this.hover) return;
    this.hover = row;
    this.over.style.cursor = row >= 0 ? "pointer" : "";
    this.drawOver(this.theme());
    this.onHover(row, this);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!this.xy || this.tools.scrolling()) return;
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    this.setCamera(zoomed(this.camera, Math.exp(-pixels * 0.0016), this.at(event), this.size));
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.setCamera(zoomed(this.camera, factor, [this.size.width / 2, this.size.height / 2], this.size));
  }

  home() {
    this.setCamera({ ...HOME });
  }

  /** Set the camera. @param {Camera} camera */
  setCamera(camera) {
    this.camera = camera;
    this.redraw();
    this.onCamera();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.overFrame);
    cancelAnimationFrame(this.gliding);
    cancelAnimationFrame(this.looking);
    this.points.destroy();
  }
}
