/**
 * The editor of instances: given masks filled over the picture, suggested ones with a dashed outline, and a list of them.
 * Outside edit mode keys decide about the instance in focus, as for boxes. In edit mode a lasso, a brush and an eraser change
 * its mask or draw a new one; each stroke can be undone, and all of them are saved as one decision.
 */
import { moved } from "../base/boxes.js";
import { hex } from "../base/color.js";
import { borderOf, brushed, filled, joinedParts, paintRegion } from "../base/rasters.js";
import { pixelsOf, regionOf } from "../base/runlengths.js";
import { BoxEditor } from "./boxeditor.js";
import { freshKey } from "./unitlist.js";
/** @import { Box } from "../base/boxes.js" */
/** @import { Drag } from "../base/imagestage.js" */
/** @import { Dirty, Raster } from "../base/rasters.js" */
/** @import { Region } from "../base/runlengths.js" */
/** @import { Placed } from "./boxeditor.js" */

/** @typedef {{ border: Path2D, fill: Path2D, pixels: Uint8Array }} Shape a mask from the corner of its box on */
/** @typedef {"lasso" | "brush" | "erase"} Tool */

/** Masks in larger boxes are marked by their box only. */
const MOST_SHAPE = 4_000_000;
/** Pictures with more pixels are not painted on. */
const MOST_PAINTED = 40_000_000;
/** Smallest and largest opacity of masks. */
const OPACITIES = [0, 0.9];

export class InstanceEditor extends BoxEditor {
  /** @type {Map<string, Shape>} masks by their text */
  shapes = new Map();
  /** @type {Tool} */
  tool = "lasso";
  radius = 6;
  opacity = 0.35;
  /** @type {number[][]} of a lasso that is being drawn */
  outlined = [];
  /** @type {number[]} */
  mouse = [0, 0];

  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    super(options, { one: "instance", many: "instances", point: false });
  }

  /* ---- values ---- */

  /** @param {string | null | undefined} text @returns {Placed | null} */
  placed(text) {
    const placed = super.placed(text);
    if (text && placed && placed.mask === undefined) placed.mask = String(JSON.parse(text).mask);
    return placed;
  }

  /** Format an instance like Python, with sorted keys. @param {Placed | null} placed */
  written(placed) {
    return placed ? JSON.stringify({ box: placed.box, label: placed.label, mask: placed.mask }) : "null";
  }

  /** @param {Placed} placed @returns {Region} */
  regionOf({ box: [x0, y0, x1, y1], mask }) {
    return { x0, y0, width: x1 - x0, height: y1 - y0, counts: mask ?? "" };
  }

  /** The outline and the pixels of a mask, kept. @param {Placed} placed */
  shapeOf(placed) {
    const region = { ...this.regionOf(placed), x0: 0, y0: 0 },
      key = `${region.width},${region.counts}`;
    let known = this.shapes.get(key);
    if (!known) {
      const [border, fill] = [new Path2D(), new Path2D()],
        large = region.width * region.height > MOST_SHAPE,
        pixels = large ? new Uint8Array(0) : pixelsOf(region);
      if (large) border.rect(0, 0, region.width, region.height);
      else {
        for (const [ax, ay, bx, by] of borderOf(region)) {
          border.moveTo(ax, ay);
          border.lineTo(bx, by);
        }
        rowRuns(pixels, region.width, (x, y, length) => fill.rect(x, y, length, 1));
      }
      known = { border, fill, pixels };
      this.shapes.set(key, known);
    }
    return known;
  }

  /** @param {import("../editors.js").Example | null} example */
  show(example) {
    if (example?.row !== this.example?.row) this.shapes.clear();
    super.show(example);
  }

  /* ---- the picture ---- */

  /** @param {CanvasRenderingContext2D} context */
  paint(context) {
    super.paint(context);
    if (this.editing) this.paintTool(context);
  }

  /** @param {CanvasRenderingContext2D} context @param {Placed} placed @param {number} width @param {number[]} dash */
  outline(context, placed, width, dash) {
    const { border, fill } = this.shapeOf(placed),
      { x, y, k } = this.stage.place,
      [x0, y0] = placed.box,
      color = hex(this.colorOf(placed.label)),
      alpha = context.globalAlpha;
    context.save();
    context.translate(x + x0 * k, y + y0 * k);
    context.scale(k, k);
    if (!dash.length) {
      context.globalAlpha = alpha * this.opacity;
      context.fillStyle = color;
      context.fill(fill);
      context.globalAlpha = alpha;
    }
    for (const [stroke, line] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.55)", width + 1.5], [color, width]])) {
      context.strokeStyle = stroke;
      context.lineWidth = line / k;
      context.setLineDash(dash.map((length) => length / k));
      context.stroke(border);
    }
    context.restore();
  }

  /** Masks have no handles. */
  paintHandles() {}

  /** The brush under the mouse, or the lasso. @param {CanvasRenderingContext2D} context */
  paintTool(context) {
    const { stage } = this,
      [x, y] = stage.toScreen(this.mouse);
    context.save();
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.globalCompositeOperation = "difference";
    context.beginPath();
    if (this.outlined.length)
      for (const at of this.outlined) {
        const [left, top] = stage.toScreen(at);
        context.lineTo(left, top);
      }
    else if (this.tool !== "lasso") context.arc(x, y, this.radius * stage.place.k, 0, 7);
    context.stroke();
    context.restore();
  }

  /* ---- mouse ---- */

  /** Instances under a place of the picture, smallest first. @param {number[]} at */
  under([x, y]) {
    const here = this.things.filter(({ now, hint }) => {
      const placed = now || hint,
        [column, line] = placed ? [Math.floor(x - placed.box[0]), Math.floor(y - placed.box[1])] : [-1, -1];
      if (!placed || column < 0 || line < 0 || column >= placed.box[2] - placed.box[0] || line >= placed.box[3] - placed.box[1]) return false;
      const { pixels } = this.shapeOf(placed);
      return !pixels.length || Boolean(pixels[line * (placed.box[2] - placed.box[0]) + column]);
    });
    /** @param {import("./boxeditor.js").Thing} thing */
    const area = ({ now, hint }) => {
      const [x0, y0, x1, y1] = /** @type {Placed} */ (now || hint).box;
      return (x1 - x0) * (y1 - y0);
    };
    return here.sort((a, b) => area(a) - area(b)).map(({ key }) => key);
  }

  /** @param {number[]} at */
  cursor(at) {
    this.mouse = at;
    if (!this.editing) return this.under(at).length ? "pointer" : "default";
    this.stage.redraw();
    return "crosshair";
  }

  /** A picture without masks, to paint on; null if it is too large. @returns {Raster | null} */
  canvas() {
    const size = this.size ?? this.stage.shown?.size;
    if (!size || size[0] * size[1] > MOST_PAINTED) {
      this.say("this picture is too large to paint on here; decide by keys", "warn");
      return null;
    }
    const [width, height] = size.map(Math.ceil);
    return { width, height, codes: new Int16Array(width * height) };
  }

  /** A stroke changes the instance in focus; without one, or while drawing new ones, it makes one. @param {number[]} at @param {PointerEvent} event @returns {Drag | null} */
  press(at, event) {
    const raster = this.canvas(),
      before = this.drawing ? null : this.drafted,
      less = this.tool === "erase" || event.altKey;
    if (!raster || (!before && less)) return null;
    const key = before ? this.focus : freshKey(),
      label = before?.label ?? this.newLabel,
      lasso = this.tool === "lasso",
      code = less ? 0 : 1;
    if (before) paintRegion(raster, this.regionOf(before), 1);
    /** @type {Dirty | null} */
    let part = before ? before.box : null,
      last = at;
    if (lasso) this.outlined = [at];
    const stroke = this.drag((to) => {
      this.mouse = to;
      if (lasso) this.outlined.push(to);
      else {
        part = joinedParts(part, brushed(raster, last, to, this.radius, code));
        this.take(key, label, raster, part);
      }
      last = to;
      this.stage.redraw();
    });
    return {
      ...stroke,
      end: () => {
        if (lasso && this.outlined.length > 2) this.take(key, label, raster, joinedParts(part, filled(raster, this.outlined, code)));
        this.outlined = [];
        this.draw();
      },
      cancel: () => {
        this.outlined = [];
        stroke.cancel?.();
      },
    };
  }

  /** The painted pixels as the mask of an instance; without any, it is removed. @param {string} key @param {string} label @param {Raster} raster @param {Dirty} part */
  take(key, label, raster, [x0, y0, x1, y1]) {
    const wide = x1 - x0,
      pixels = new Uint8Array(Math.max(wide, 0) * Math.max(y1 - y0, 0));
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) pixels[(y - y0) * wide + x - x0] = raster.codes[y * raster.width + x];
    const region = regionOf(pixels, Math.max(wide, 1));
    this.focus = key;
    if (region) {
      const [left, top] = [region.x0 + x0, region.y0 + y0];
      this.set(key, [left, top, left + region.width, top + region.height], label, region.counts);
    } else if (this.units.some((unit) => unit.key === key)) this.drafts.set(key, null);
    else this.drafts.delete(key);
  }

  /* ---- edit mode ---- */

  leave() {
    super.leave();
    this.outlined = [];
  }

  /** @param {string} key @param {Box} box @param {string} [label] @param {string} [mask] */
  set(key, box, label, mask) {
    super.set(key, box, label, mask ?? this.startOf(key)?.mask);
  }

  /** Move the instance in focus by whole pixels. @param {number} dx @param {number} dy */
  nudge(dx, dy) {
    const box = this.drafted?.box,
      by = this.fast ? 10 : 1;
    if (!box) return;
    this.begin(`move ${this.focus}`);
    this.set(this.focus, moved(box, dx * by, dy * by, this.size));
  }

  /** @param {Tool} tool */
  pickTool(tool) {
    this.tool = tool;
    this.say(tool === "erase" ? "the eraser takes pixels from the instance in focus" : `${tool} adds pixels to the instance in focus; with Alt it takes them away`);
    this.stage.redraw();
  }

  /** @param {string} action */
  act(action) {
    if (action === "lasso" || action === "brush" || action === "erase") this.pickTool(action);
    else if (action === "thinner" || action === "thicker") {
      this.radius = Math.max(0.5, Math.min(200, this.radius * (action === "thicker" ? 1.25 : 0.8)));
      this.say(`brush of ${Math.round(2 * this.radius)} pixels`);
      this.stage.redraw();
    } else if (action === "fainter" || action === "stronger") {
      this.opacity = Math.max(OPACITIES[0], Math.min(OPACITIES[1], this.opacity + (action === "stronger" ? 0.1 : -0.1)));
      this.stage.redraw();
    } else return super.act(action);
    return true;
  }

  /** Draw new instances, or change the one in focus. @param {boolean} drawing */
  use(drawing) {
    this.drawing = drawing;
    this.say(drawing ? "each stroke draws a new instance" : "strokes change the instance in focus");
    this.draw();
  }

  /** Suggested masks lie inside the picture. @param {string} value */
  inside(value) {
    return value;
  }
}

/** Call for each run of pixels that are set, row by row. @param {Uint8Array} pixels @param {number} width @param {(x: number, y: number, length: number) => void} call */
function rowRuns(pixels, width, call) {
  for (let start = 0; start < pixels.length; start += width)
    for (let x = 0; x < width; x++) {
      if (!pixels[start + x]) continue;
      const from = x;
      while (x < width && pixels[start + x]) x++;
      call(from, start / width, x - from);
    }
}
