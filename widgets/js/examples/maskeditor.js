/**
 * The editor of masks: the classes of pixels as colours over the picture, and a list of doubtful regions. Outside edit mode
 * keys decide about the region in focus. In edit mode a brush, an eraser and a lasso paint; each stroke can be undone, and
 * all of them are saved as one decision, with a region for each class.
 */
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { count } from "../base/format.js";
import { borderOf, brushed, changedRegions, cutOut, filled, joinedParts, paintRegion, putBack, rasterOf } from "../base/rasters.js";
import { countsOf, pixelsOf } from "../base/runlengths.js";
import { swatch } from "../maps/legend.js";
import { quiet } from "./facts.js";
import { isBackground, layerOf, refresh } from "./masklayer.js";
import { StageEditor } from "./stageeditor.js";
import { freshKey, IGNORED } from "./unitlist.js";
/** @import { Drag } from "../base/imagestage.js" */
/** @import { Dirty, Raster } from "../base/rasters.js" */
/** @import { Region } from "../base/runlengths.js" */
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @typedef {{ label: string | null, region: Region }} Painted what a value says */
/** @typedef {{ part: Dirty, rows: Int16Array[] }} Stroke the pixels before a stroke */
/** @typedef {"brush" | "erase" | "lasso"} Tool */
/** @typedef {{ x0: number, y0: number, before: Raster, layer: HTMLCanvasElement }} Window a part of a mask, before strokes */

/** Regions in larger boxes are marked by their box only. */
const MOST_REGION = 4_000_000;
/** Side of the part of a large mask that is painted at most. */
const WINDOW = 2048;
/** Classes in the palette, besides that of the brush. */
const PALETTE = 12;
/** @type {Record<string, Tool>} */
const TOOL_KEYS = { brush: "brush", erase: "erase", lasso: "lasso" };

/**
 * The part of a picture in sight, x0, y0, x1, y1 in its pixels; around the middle if it is large.
 * @param {import("../base/imagestage.js").ImageStage} stage @param {number[]} size
 */
export function windowOf(stage, size) {
  const { place } = stage,
    box = stage.box();
  const sides = [place.x, place.y].map((at, axis) => {
    const low = Math.max(0, Math.floor(-at / place.k)),
      high = Math.min(size[axis], Math.ceil((box[axis] - at) / place.k)),
      spare = Math.max(0, high - low - WINDOW);
    return [low + Math.floor(spare / 2), high - Math.ceil(spare / 2)];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}

export class MaskEditor extends StageEditor {
  /** @type {Raster | null} as it is now, with decisions */
  now = null;
  /** @type {Raster | null} with strokes that are not saved */
  edited = null;
  /** @type {HTMLCanvasElement | null} */
  layer = null;
  /** @type {Window | null} the part of a large mask that is painted, in all its pixels */
  window = null;
  opening = false;
  /** @type {HTMLCanvasElement | null} with all open suggestions */
  after = null;
  /** @type {Stroke[]} */
  past = [];
  /** @type {Stroke[]} */
  future = [];
  painted = { row: -1, values: /** @type {string[]} */ ([]) };
  /** @type {Map<string, Painted | null>} values by their text */
  read = new Map();
  /** @type {Map<string, { border: Path2D, area: number }>} regions by their text */
  regions = new Map();
  /** @type {Tool} */
  tool = "brush";
  /** @type {string | null} class of the brush */
  brush = "";
  radius = 6;
  opacity = 0.5;
  swipes = false;
  /** @type {number[]} */
  mouse = [0, 0];
  /** @type {number[][]} of a lasso that is being drawn */
  outline = [];

  /** @param {import("../editors.js").EditorOptions} options */
  constructor(options) {
    const palette = h("div", { class: "lw-palette", role: "group", "aria-label": "brush" });
    super(options, { one: "region", many: "regions" }, palette);
    this.palette = palette;
    this.pictures = options.pictures;
  }

  /* ---- values ---- */

  /** @param {string | null | undefined} text @returns {Painted | null} */
  valueOf(text) {
    if (!text) return null;
    if (!this.read.has(text)) {
      const value = JSON.parse(text),
        [y0, x0, height, width, counts] = value?.region ?? [];
      this.read.set(text, counts === undefined ? null : { label: value.label, region: { y0, x0, height, width, counts } });
    }
    return this.read.get(text) ?? null;
  }

  /** Format a value like Python, with sorted keys. @param {string | null} label @param {Region} region */
  written(label, { y0, x0, height, width, counts }) {
    return JSON.stringify({ label, region: [y0, x0, height, width, counts] });
  }

  /** @param {UnitInfo | undefined} unit */
  placeOf(unit) {
    return unit && (this.valueOf(unit.value) || this.valueOf(unit.suggested) || this.valueOf(unit.given));
  }

  /** @param {string | null} label */
  codeOf(label) {
    return label === null ? -1 : (this.codes.get(label) ?? -1);
  }

  /** Colour of the pixels of a class; null for background and pixels to ignore. @param {number} code */
  colorAt(code) {
    return code < 0 || isBackground(this.space.classes[code]) ? null : this.space.color(code);
  }

  /** The code that the eraser leaves: the background if there is such a class, else "ignore". */
  get blank() {
    return this.space.classes.findIndex(isBackground);
  }

  get size() {
    const { mask } = this.example ?? {};
    return mask ? [mask.width, mask.height] : super.size;
  }

  get every() {
    return this.example?.mask?.step ?? 1;
  }

  get unsaved() {
    return this.past.length > 0;
  }

  /** @param {UnitInfo} unit */
  open1(unit) {
    return Boolean(unit.doubted && !unit.decided && unit.suggested && !this.example?.hides);
  }

  /* ---- display ---- */

  /** @param {Example | null} example */
  show(example) {
    if (example?.row !== this.example?.row) {
      this.read.clear();
      this.regions.clear();
      this.now = null;
    }
    super.show(example);
  }

  draw() {
    this.settle();
    this.drawOn(this.size ?? [1, 1]);
    this.drawPalette();
  }

  /** Paint the decisions over the given mask, if any changed. */
  settle() {
    const { mask, row, units } = this.example ?? {},
      values = (units ?? []).filter((unit) => unit.value && (unit.changed || unit.decided)).map(({ value }) => value ?? ""),
      before = this.painted;
    if (this.now && before.row === row && before.values.length === values.length && values.every((value) => before.values.includes(value))) return;
    const more = this.now && before.row === row && before.values.every((value) => values.includes(value)); // nothing was undone
    const fresh = more ? values.filter((value) => !before.values.includes(value)) : values;
    this.painted = { row: row ?? -1, values };
    this.after = null;
    if (!more) this.now = mask ? rasterOf(mask, Math.ceil(mask.width / mask.step), Math.ceil(mask.height / mask.step)) : null;
    for (const value of fresh) this.paintValue(this.now, this.valueOf(value));
    if (!more) this.layer = this.now && layerOf(this.now, (code) => this.colorAt(code));
    else if (this.layer && this.now) for (const value of fresh) refresh(this.layer, this.now, (code) => this.colorAt(code), this.partOf(this.valueOf(value)));
  }

  /** The part of the raster around a region. @param {Painted | null} value @returns {Dirty} */
  partOf(value) {
    const { x0, y0, width, height } = value?.region ?? { x0: 0, y0: 0, width: 0, height: 0 },
      { every, now } = this;
    return [Math.floor(x0 / every), Math.floor(y0 / every), Math.min(now?.width ?? 0, Math.ceil((x0 + width) / every)), Math.min(now?.height ?? 0, Math.ceil((y0 + height) / every))];
  }

  /** @param {Raster | null} raster @param {Painted | null} value */
  paintValue(raster, value) {
    if (raster && value) paintRegion(raster, value.region, this.codeOf(value.label), this.every);
  }

  /** The mask with all open suggestions. */
  suggestions() {
    if (!this.after && this.now) {
      const raster = { ...this.now, codes: this.now.codes.slice() };
      for (const unit of this.units) if (this.open1(unit)) this.paintValue(raster, this.valueOf(unit.suggested));
      this.after = layerOf(raster, (code) => this.colorAt(code));
    }
    return this.after;
  }

  /** @param {UnitInfo} unit */
  lineNow(unit) {
    const now = this.valueOf(unit.value) || this.placeOf(unit);
    return { now: now ? (now.label ?? IGNORED) : "none", color: this.colorOf(now?.label), edited: false };
  }

  headline() {
    const unit = this.current,
      place = this.placeOf(unit),
      act = this.editButton("paint with brush, eraser and lasso");
    if (!unit || !place) return [act, quiet(this.example?.mask ? `no doubtful region${this.locked ? "" : ": press Enter to paint"}` : "no mask")];
    const { y0, x0 } = place.region,
      now = this.valueOf(unit.value);
    return [
      act,
      h("span", { class: "lw-unit-value lw-clip", text: now ? (now.label ?? IGNORED) : "none" }),
      h("span", { class: "lw-num lw-quiet lw-clip", text: `${count(this.shapeOf(place.region).area)} px at ${x0}, ${y0}` }),
      ...(this.editing ? [] : this.doubtOf(unit)),
    ];
  }

  /** Brush classes, tools and opacity. */
  drawPalette() {
    const { editing, space } = this;
    /** @param {string} text @param {string} title @param {boolean} pressed @param {() => void} onclick @param {...Node} inside */
    const button = (text, title, pressed, onclick, ...inside) => h("button", { type: "button", class: "lw-answer", title, "aria-pressed": String(pressed), onclick }, ...inside, text);
    const tools = Object.values(TOOL_KEYS).map((tool) => button(tool, `tool: ${tool}`, this.tool === tool, () => this.use(tool)));
    const own = this.codeOf(this.brush),
      codes = space.classes.map((_, code) => code).filter((code) => code < PALETTE || code === own);
    const classes = codes.map((code) => button(space.shortName(code, 12), space.classes[code], code === own, () => this.label(space.classes[code], "button"), swatch(space.color(code))));
    this.palette.replaceChildren(
      ...(editing ? [...tools, ...classes, button(IGNORED, "pixels without a label", this.brush === null, () => this.nothing())] : []),
      button("before | after", "the mask, and right of the mouse with all open suggestions", this.swipes, () => this.swipe()),
      h("input", {
        type: "range",
        min: "0",
        max: "1",
        step: "0.05",
        value: String(this.opacity),
        "aria-label": "opacity of the mask",
        title: "opacity of the mask",
        oninput: (event) => this.fade(Number(event.target.value) - this.opacity),
      }),
    );
  }

  /** @param {number} by */
  fade(by) {
    this.opacity = Math.max(0, Math.min(1, this.opacity + by));
    this.stage.redraw();
  }

  swipe() {
    if (this.example?.hides) this.say("suggestions are hidden", "warn");
    else this.swipes = !this.swipes;
    this.draw();
  }

  /* ---- the picture ---- */

  /** Border and area of a region, kept. @param {Region} region */
  shapeOf(region) {
    const key = `${region.x0},${region.y0},${region.width},${region.counts}`;
    let known = this.regions.get(key);
    if (!known) {
      const border = new Path2D(),
        { x0, y0, width, height } = region;
      if (width * height > MOST_REGION) border.rect(x0, y0, width, height);
      else
        for (const [ax, ay, bx, by] of borderOf(region)) {
          border.moveTo(ax, ay);
          border.lineTo(bx, by);
        }
      known = { border, area: countsOf(region.counts).reduce((sum, length, i) => sum + (i % 2 ? length : 0), 0) };
      this.regions.set(key, known);
    }
    return known;
  }

  /** @param {CanvasRenderingContext2D} context */
  paint(context) {
    const { stage, layer, swipes } = this,
      { x, y, k } = stage.place,
      [w, hgt] = stage.box(),
      [wide, high] = this.size ?? [1, 1],
      [edge] = swipes ? stage.toScreen(this.mouse) : [w];
    context.imageSmoothingEnabled = false;
    /** @param {HTMLCanvasElement | null} from @param {number} left @param {number} right */
    const lay = (from, left, right) => {
      if (!from || right <= left) return;
      context.save();
      context.beginPath();
      context.rect(left, 0, right - left, hgt);
      context.clip();
      context.globalAlpha = this.opacity;
      context.drawImage(from, x, y, wide * k, high * k);
      context.restore();
    };
    context.save();
    if (this.window) context.clip(this.around(this.window, w, hgt), "evenodd");
    lay(layer, 0, edge);
    context.restore();
    if (this.window) this.paintWindow(context, this.window);
    if (swipes) {
      lay(this.suggestions(), edge, w);
      context.fillStyle = "#f0c000";
      context.fillRect(edge - 1, 0, 2, hgt);
    }
    context.save();
    context.translate(x, y);
    context.scale(k, k);
    for (const unit of this.units) if (unit.key !== this.focus && (this.open1(unit) || this.chosen.has(unit.key))) this.paintRegion(context, unit, k);
    if (this.current) this.paintRegion(context, this.current, k);
    if (this.editing) this.paintTool(context, k);
    context.restore();
  }

  /** Everything but a part. @param {Window} part @param {number} w @param {number} hgt */
  around({ x0, y0, before }, w, hgt) {
    const path = new Path2D(),
      [left, top] = this.stage.toScreen([x0, y0]),
      { k } = this.stage.place;
    path.rect(0, 0, w, hgt);
    path.rect(left, top, before.width * k, before.height * k);
    return path;
  }

  /** @param {CanvasRenderingContext2D} context @param {Window} part */
  paintWindow(context, { x0, y0, before, layer }) {
    const [left, top] = this.stage.toScreen([x0, y0]),
      { k } = this.stage.place,
      [w, hgt] = [before.width * k, before.height * k];
    context.globalAlpha = this.opacity;
    context.drawImage(layer, left, top, w, hgt);
    context.globalAlpha = 1;
    context.strokeStyle = "#f0c000";
    context.lineWidth = 2;
    context.strokeRect(left, top, w, hgt);
  }

  /** @param {CanvasRenderingContext2D} context in pixels of the picture @param {UnitInfo} unit @param {number} k */
  paintRegion(context, unit, k) {
    const place = this.placeOf(unit),
      strong = unit.key === this.focus || this.chosen.has(unit.key);
    if (!place) return;
    const { border } = this.shapeOf(place.region),
      hint = this.open1(unit) ? this.valueOf(unit.suggested) : place;
    for (const [color, width, dash] of /** @type {[string, number, number[]][]} */ ([["rgba(0, 0, 0, 0.7)", strong ? 4.5 : 3, []], [strong ? "#fff" : hex(this.colorOf(hint?.label)), strong ? 2.5 : 1.5, strong ? [] : [4, 3]]])) {
      context.strokeStyle = color;
      context.lineWidth = width / k;
      context.setLineDash(dash.map((length) => length / k));
      context.stroke(border);
    }
    context.setLineDash([]);
  }

  /** The brush under the mouse, or the lasso. @param {CanvasRenderingContext2D} context @param {number} k */
  paintTool(context, k) {
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5 / k;
    context.beginPath();
    if (this.outline.length) this.outline.forEach(([x, y]) => context.lineTo(x, y));
    else if (this.tool !== "lasso") context.arc(this.mouse[0], this.mouse[1], this.radius, 0, 7);
    context.globalCompositeOperation = "difference";
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  /* ---- mouse ---- */

  /** Units whose region contains a place, smallest first. @param {number[]} at */
  under([x, y]) {
    const here = this.units.filter((unit) => {
      const region = this.placeOf(unit)?.region,
        [column, line] = region ? [Math.floor(x) - region.x0, Math.floor(y) - region.y0] : [-1, -1];
      return region && column >= 0 && line >= 0 && column < region.width && line < region.height && pixelsOf(region)[line * region.width + column];
    });
    const area = (/** @type {UnitInfo} */ unit) => this.shapeOf(/** @type {Painted} */ (this.placeOf(unit)).region).area;
    return here.sort((a, b) => area(a) - area(b)).map(({ key }) => key);
  }

  /** @param {number[]} at */
  cursor(at) {
    this.mouse = at;
    if (this.swipes || this.editing) this.stage.redraw();
    return this.editing ? "crosshair" : "default";
  }

  /** @param {number[]} at @param {PointerEvent} event */
  click(at, event) {
    if (this.editing) return;
    const here = this.under(at);
    if (here.length) this.pick(here[event.shiftKey ? 0 : (here.indexOf(this.focus) + 1) % here.length], event.shiftKey);
  }

  /** @param {number[]} at @param {PointerEvent} event @returns {Drag | null} */
  press(at, event) {
    const raster = this.edited;
    if (!raster) return null;
    const { x0 = 0, y0 = 0 } = this.window ?? {},
      inside = (/** @type {number[]} */ [x, y]) => [x - x0, y - y0];
    const whole = { ...raster, codes: raster.codes.slice() },
      code = this.tool === "erase" || event.altKey ? this.blank : this.codeOf(this.brush),
      lasso = this.tool === "lasso";
    /** @type {Dirty | null} */
    let part = null,
      last = at;
    /** @param {Dirty} dirty */
    const drawn = (dirty) => {
      part = joinedParts(part, dirty);
      this.redrawPart(dirty);
    };
    if (lasso) this.outline = [at];
    else drawn(brushed(raster, inside(at), inside(at), this.radius, code));
    return {
      move: (to) => {
        this.mouse = to;
        if (lasso) this.outline.push(to);
        else drawn(brushed(raster, inside(last), inside(to), this.radius, code));
        last = to;
        this.stage.redraw();
      },
      end: () => {
        if (lasso && this.outline.length > 2) drawn(filled(raster, this.outline.map(inside), code));
        this.outline = [];
        if (part) this.past.push({ part, rows: cutOut(whole, part) });
        this.future = [];
        this.draw();
      },
      cancel: () => {
        this.outline = [];
        if (part) putBack(raster, part, cutOut(whole, part));
        if (part) this.redrawPart(part);
      },
    };
  }

  /** @param {Dirty} part */
  redrawPart(part) {
    const layer = this.window?.layer ?? this.layer;
    if (layer && this.edited) refresh(layer, this.edited, (code) => this.colorAt(code), part);
    this.stage.redraw();
  }

  /* ---- edit mode ---- */

  edit() {
    if (!this.now) {
      this.say("there is no mask to paint on", "warn");
      return;
    }
    if (this.every > 1) this.openWindow();
    else this.begin(this.now);
  }

  /** Request the pixels of the part in sight, and paint there. */
  async openWindow() {
    const { pictures, example } = this,
      box = windowOf(this.stage, this.size ?? [1, 1]);
    if (!example || !pictures || this.opening) return;
    this.opening = true;
    const runs = await pictures.mask(example.row, box).catch((/** @type {Error} */ error) => this.say(error.message, "error"));
    this.opening = false;
    if (!runs || this.example?.row !== example.row || this.editing) return;
    const before = rasterOf(runs, runs.width, runs.height);
    this.window = { x0: box[0], y0: box[1], before, layer: layerOf(before, (code) => this.colorAt(code)) };
    this.begin(before);
    this.say("paint inside the frame; to paint elsewhere, leave, move there and press Enter");
  }

  /** Paint on a raster. @param {Raster} raster */
  begin(raster) {
    const place = this.placeOf(this.current);
    this.editing = true;
    this.swipes = false;
    this.brush ||= this.valueOf(this.current?.suggested)?.label ?? place?.label ?? this.space.classes[Math.max(0, this.blank === 0 ? 1 : 0)];
    this.edited = { ...raster, codes: raster.codes.slice() };
    this.draw();
  }

  leave() {
    super.leave();
    this.window = null; // with its strokes
    if (this.past.length && this.every === 1 && this.now && this.layer) refresh(this.layer, this.now, (code) => this.colorAt(code), this.past.map((stroke) => stroke.part).reduce(joinedParts)); // without strokes
    this.edited = null;
    this.past = [];
    this.future = [];
    this.outline = [];
  }

  drawn() {
    const { edited } = this,
      { x0 = 0, y0 = 0, before = this.now } = this.window ?? {};
    if (!before || !edited || !this.past.length) return [];
    const part = this.past.map((stroke) => stroke.part).reduce(joinedParts);
    return changedRegions(before, edited, part).map(([code, region]) => ({ key: freshKey(), value: this.written(code < 0 ? null : this.space.classes[code], { ...region, x0: region.x0 + x0, y0: region.y0 + y0 }) }));
  }

  /** @param {boolean} back */
  undo(back) {
    const [from, to] = back ? [this.past, this.future] : [this.future, this.past],
      stroke = from.pop();
    if (!stroke || !this.edited) {
      this.say("no stroke to undo", "warn");
      return;
    }
    to.push({ part: stroke.part, rows: cutOut(this.edited, stroke.part) });
    putBack(this.edited, stroke.part, stroke.rows);
    this.redrawPart(stroke.part);
    this.draw();
  }

  /** @param {Tool} tool */
  use(tool) {
    this.tool = tool;
    this.say(tool === "erase" ? `the eraser leaves ${this.blank < 0 ? IGNORED : this.space.classes[this.blank]}` : `${tool} with ${this.brush ?? IGNORED}; with Alt it erases`);
    this.draw();
  }

  /** @param {number} factor */
  resize(factor) {
    this.radius = Math.max(0.5, Math.min(200, this.radius * factor));
    this.say(`brush of ${Math.round(2 * this.radius)} pixels`);
    this.stage.redraw();
  }

  /** @param {string} action */
  act(action) {
    if (TOOL_KEYS[action]) this.use(TOOL_KEYS[action]);
    else if (action === "thinner" || action === "thicker") this.resize(action === "thicker" ? 1.25 : 0.8);
    else if (action === "fainter" || action === "stronger") this.fade(action === "stronger" ? 0.1 : -0.1);
    else if (action === "swipe") this.swipe();
    else return super.act(action);
    return true;
  }

  /* ---- decisions ---- */

  /** Give the regions a class; in edit mode, the brush. @param {string | null} name @param {string} how */
  label(name, how) {
    if (this.editing) {
      this.brush = name;
      this.draw();
      this.stage.el.scrollIntoView({ block: "nearest" }); // the field of "/" is below it
      return;
    }
    const found = this.wanted.map((unit) => ({ key: unit.key, place: this.placeOf(unit) })).filter(({ place }) => place);
    if (!found.length) this.say("no region in focus", "warn");
    else this.decide(found.map(({ key, place }) => ({ key, value: this.written(name, /** @type {Painted} */ (place).region) })), how);
  }

  /** These pixels have no class. */
  nothing() {
    this.label(null, "key");
  }
}
