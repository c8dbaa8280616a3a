/**
 * The editor of boxes and points: the picture with given objects solid and suggested ones dashed, and a list of them.
 * Outside edit mode keys decide about the object in focus. In edit mode objects are drawn, moved and resized; each stroke
 * can be undone, and all of them are saved as one decision.
 */
import { boxesUnder, clamped, HANDLES, handleAt, handleUnder, LEAST_SIDE, moved, pulled } from "../base/boxes.js";
import { hex } from "../base/color.js";
import { h } from "../base/dom.js";
import { count, probability } from "../base/format.js";
import { quiet } from "./facts.js";
import { shapeOf, strokeShape } from "./boxoutlines.js";
import { StageEditor } from "./stageeditor.js";
import { freshKey } from "./unitlist.js";
/** @import { Box } from "../base/boxes.js" */
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @typedef {{ box: Box, label: string, mask?: string }} Placed an object: its place and class, and the run lengths of a mask in its box */
/** @typedef {{ key: string, unit: UnitInfo | null, now: Placed | null, hint: Placed | null, ghost: Placed | null }} Thing
 *   an object on show: as it is now, as suggested, and as it was given if it was removed */

/** Number of objects up to which all of them have their class written beside them. */
const FEW_NAMES = 40;
/** Most characters of the name of a class on the picture. */
const LONGEST_NAME = 24;
/** Reach of the mouse around handles and points, in screen pixels. */
const REACH = 8;
/** Radius of a point on the screen. */
const DOT = 5;
/** @type {Record<string, [number, number]>} */
const ARROWS = { moveLeft: [-1, 0], moveRight: [1, 0], previousMatch: [0, -1], nextMatch: [0, 1] };
/** @type {Record<string, [number, number]>} */
const SIDES = { narrower: [-1, 0], wider: [1, 0], lower: [0, -1], higher: [0, 1] };
/** Corners among `HANDLES`, in the order in which a key grabs them; none first. */
const CORNERS = [-1, 4, 6, 0, 2];

export class BoxEditor extends StageEditor {
  /** @type {Map<string, Placed | null>} objects that were changed and are not saved; null for none */
  drafts = new Map();
  /** @type {Map<string, Placed | null>[]} drafts before each stroke */
  past = [];
  /** @type {Map<string, Placed | null>[]} */
  future = [];
  /** what the last stroke did; equal ones in a row are one stroke */
  stroke = "";
  /** @type {Thing[]} */
  things = [];
  /** @type {Map<string, Placed | null>} values by their text */
  read = new Map();
  /** @type {Map<string, Path2D | null>} outlines of given boxes by key, in pixels of the picture */
  outlines = new Map();
  drawing = false;
  corner = 0;
  fast = false;
  lastLabel = "";

  /**
   * @param {import("../editors.js").EditorOptions} options
   * @param {{ one: string, many: string, point: boolean }} kind
   */
  constructor(options, { one, many, point }) {
    super(options, { one, many });
    this.point = point;
  }

  /* ---- values ---- */

  /** A value as an object; null for none. @param {string | null | undefined} text @returns {Placed | null} */
  placed(text) {
    if (!text) return null;
    if (!this.read.has(text)) {
      const value = JSON.parse(text),
        at = value && (value.box ?? value.point);
      this.read.set(text, at ? { box: this.point ? [at[0], at[1], at[0], at[1]] : at, label: value.label } : null);
    }
    return this.read.get(text) ?? null;
  }

  /** Format an object like Python, with sorted keys. @param {Placed | null} placed */
  written(placed) {
    if (!placed) return "null";
    const { box, label } = placed;
    return JSON.stringify(this.point ? { label, point: box.slice(0, 2) } : { box, label });
  }

  /** An object as it is now, with unsaved changes. @param {UnitInfo} unit */
  nowOf(unit) {
    return this.drafts.has(unit.key) ? (this.drafts.get(unit.key) ?? null) : this.placed(unit.value);
  }

  /** The object in focus, where a decision about it starts. @param {string} key */
  startOf(key) {
    const thing = this.things.find((one) => one.key === key);
    return thing ? thing.now || thing.hint || thing.ghost : null;
  }

  /** The objects on show, those that nobody has yet included. @returns {Thing[]} */
  list() {
    const hides = this.example?.hides,
      there = new Set(this.units.map(({ key }) => key));
    const things = this.units.map((unit) => {
      const now = this.nowOf(unit),
        focused = unit.key === this.focus,
        hinted = !hides && !unit.decided && (unit.doubted || focused) && unit.suggested !== unit.value && !this.drafts.has(unit.key);
      const hint = hinted ? this.placed(unit.suggested) : null;
      return { key: unit.key, unit, now, hint, ghost: now || hint || !focused ? null : this.placed(unit.given) || this.placed(hides ? null : unit.suggested) };
    });
    const fresh = [...this.drafts].filter(([key, now]) => now && !there.has(key)).map(([key, now]) => ({ key, unit: null, now, hint: null, ghost: null }));
    return [...things, ...fresh];
  }

  /* ---- display ---- */

  /** @param {Example | null} example */
  show(example) {
    if (example?.row !== this.example?.row) {
      this.read.clear();
      this.outlines.clear();
    }
    super.show(example);
  }

  draw() {
    this.things = this.example ? this.list() : [];
    const reach = (/** @type {number} */ side) => Math.max(1, ...this.things.map(({ now, hint, ghost }) => (now || hint || ghost)?.box[side] ?? 0));
    this.drawOn(this.size ?? [reach(2), reach(3)]);
  }

  /** @param {UnitInfo} unit */
  lineNow(unit) {
    const now = this.nowOf(unit),
      shown = now || this.placed(unit.given) || (this.example?.hides ? null : this.placed(unit.suggested));
    return { now: now?.label ?? "none", color: this.colorOf(shown?.label), edited: this.drafts.has(unit.key) };
  }

  reveal() {
    const at = this.startOf(this.focus)?.box;
    if (at) this.stage.reveal([(at[0] + at[2]) / 2, (at[1] + at[3]) / 2]);
    this.lines.reveal();
  }

  headline() {
    const unit = this.current,
      thing = this.things.find(({ key }) => key === this.focus),
      now = thing && (thing.now || thing.hint || thing.ghost);
    const act = this.editButton("draw, move, resize");
    if (!now) return [quiet(this.units.length || this.editing ? "" : `nothing here${this.locked ? "" : `: press Enter and ${this.point ? "click" : "drag"} to add a ${this.one}`}`), act];
    const others = [...this.chosen].filter((key) => key !== this.focus).length,
      [x0, y0, x1, y1] = now.box.map((side) => Math.round(side * 10) / 10),
      where = this.point ? `at ${x0}, ${y0}` : `${Math.round((x1 - x0) * 10) / 10} × ${Math.round((y1 - y0) * 10) / 10} at ${x0}, ${y0}`;
    const hint = unit && this.placed(unit.suggested),
      same = hint && thing.now && hint.label === thing.now.label,
      other = !same ? "" : hint.mask !== thing.now?.mask ? " redrawn" : String(hint.box) !== String(thing.now?.box) ? " elsewhere" : "";
    return [
      act,
      h("span", { class: "lw-unit-value lw-clip", text: `${thing.now ? thing.now.label : "none"}${others ? ` and ${count(others)} more` : ""}`, title: thing.now?.label ?? "" }),
      h("span", { class: "lw-num lw-quiet lw-clip", text: where }),
      ...(unit && !this.editing ? this.doubtOf(unit, other) : []),
    ];
  }

  /* ---- the picture ---- */

  /** @param {CanvasRenderingContext2D} context */
  paint(context) {
    const { things } = this,
      named = things.length <= FEW_NAMES;
    context.font = "600 11px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    context.lineJoin = "round";
    for (const thing of things) if (thing.key !== this.focus) this.paintThing(context, thing, named);
    const thing = things.find(({ key }) => key === this.focus);
    if (thing) this.paintThing(context, thing, true);
    const box = this.editing && !this.point && thing?.now?.box;
    if (box) this.paintHandles(context, box);
  }

  /** @param {CanvasRenderingContext2D} context @param {Thing} thing @param {boolean} named */
  paintThing(context, { key, unit, now, hint, ghost }, named) {
    const focused = key === this.focus,
      strong = focused || this.chosen.has(key),
      doubted = unit?.doubted && !unit.decided && !this.example?.hides,
      removed = doubted && now && unit.suggested === "null";
    context.globalAlpha = strong || doubted ? 1 : 0.75;
    const path = now && unit && this.outlineOf(unit, now);
    if (now && path) {
      this.outline(context, now, 1, [2, 3]);
      strokeShape(context, path, this.stage.place, hex(this.colorOf(now.label)), strong ? 3 : 2);
    } else if (now) this.outline(context, now, strong ? 3 : 2, []);
    if (hint) this.outline(context, hint, focused ? 3 : 2, [6, 4]);
    if (ghost) this.outline(context, ghost, 1.5, [1, 4]);
    const shown = now || hint || ghost;
    if (!shown) return;
    if (removed && !this.point) this.cross(context, now.box, hex(this.colorOf(now.label)));
    if (named || doubted) this.name(context, shown, `${this.nameOf(shown.label)}${doubted && Number.isFinite(unit.p_error) ? ` ${probability(unit.p_error)}` : ""}`, strong);
    context.globalAlpha = 1;
  }

  /** The name of a class, shortened. @param {string} label */
  nameOf(label) {
    const code = this.codes.get(label);
    return code === undefined ? label : this.space.shortName(code, LONGEST_NAME);
  }

  /** @param {Box} box */
  onScreen([x0, y0, x1, y1]) {
    const [left, top] = this.stage.toScreen([x0, y0]),
      [right, bottom] = this.stage.toScreen([x1, y1]);
    return [left, top, right - left, bottom - top];
  }

  /** @param {CanvasRenderingContext2D} context @param {Placed} placed @param {number} width @param {number[]} dash */
  outline(context, { box, label }, width, dash) {
    const [x, y, w, hgt] = this.onScreen(box);
    context.setLineDash([]);
    for (const [color, line] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.55)", width + 1.5], [hex(this.colorOf(label)), width]])) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.setLineDash(dash);
      context.beginPath();
      if (this.point) context.arc(x, y, DOT, 0, 7);
      else context.rect(x, y, w, hgt);
      context.stroke();
    }
    if (this.point && !dash.length) {
      context.fillStyle = hex(this.colorOf(label));
      context.fill();
    }
    context.setLineDash([]);
  }

  /** The outline of an object in its given place; null without one. @param {UnitInfo} unit @param {Placed} now */
  outlineOf(unit, now) {
    if (!unit.outline && !unit.region) return null;
    if (String(this.placed(unit.given)?.box) !== String(now.box)) return null;
    if (!this.outlines.has(unit.key)) this.outlines.set(unit.key, shapeOf(unit));
    return this.outlines.get(unit.key) ?? null;
  }

  /** Diagonals: the suggestion is to remove the object. @param {CanvasRenderingContext2D} context @param {Box} box @param {string} color */
  cross(context, box, color) {
    const [x, y, w, hgt] = this.onScreen(box);
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + w, y + hgt);
    context.moveTo(x + w, y);
    context.lineTo(x, y + hgt);
    context.stroke();
    context.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} context @param {Placed} placed @param {string} text @param {boolean} strong */
  name(context, { box, label }, text, strong) {
    const [left, top] = this.onScreen(box),
      width = context.measureText(text).width + 6,
      x = Math.max(0, Math.min(left + (this.point ? DOT + 3 : -1), this.stage.canvas.clientWidth - width)),
      y = Math.max(13, top - (this.point ? 0 : 2)),
      color = this.colorOf(label);
    context.fillStyle = hex(color);
    context.fillRect(x, y - 12, width, 14);
    context.fillStyle = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 140 ? "#000" : "#fff";
    context.fillText(text, x + 3, y - 1);
    if (strong) {
      context.strokeStyle = context.fillStyle;
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y - 11.5, width - 1, 13);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Box} box */
  paintHandles(context, box) {
    context.lineWidth = 1;
    HANDLES.forEach((_, handle) => {
      const [x, y] = this.stage.toScreen(handleAt(box, handle));
      context.fillStyle = handle === CORNERS[this.corner] ? "#f0c000" : "#fff";
      context.strokeStyle = "#000";
      context.fillRect(x - 3.5, y - 3.5, 7, 7);
      context.strokeRect(x - 3.5, y - 3.5, 7, 7);
    });
  }

  /* ---- mouse ---- */

  /** Objects under a place of the picture, smallest first. @param {number[]} at */
  under(at) {
    const here = this.things.filter(({ now, hint }) => now || hint),
      boxes = here.map(({ now, hint }) => /** @type {Placed} */ (now || hint).box);
    return boxesUnder(boxes, at, REACH / this.stage.place.k).map((i) => here[i].key);
  }

  /** @param {number[]} at */
  cursor(at) {
    if (!this.editing) return this.under(at).length ? "pointer" : "default";
    const box = this.drafted?.box;
    if (box && !this.point && !this.drawing) {
      const handle = handleUnder(box, at, REACH / this.stage.place.k);
      if (handle >= 0) return ["nwse", "ns", "nesw", "ew"][handle % 4] + "-resize";
    }
    return box && !this.drawing && this.under(at).includes(this.focus) ? "move" : "crosshair";
  }

  /** The object in focus as it is now. */
  get drafted() {
    return this.things.find(({ key }) => key === this.focus)?.now ?? null;
  }

  /** @param {number[]} at @param {PointerEvent} event @returns {import("../base/imagestage.js").Drag | null} */
  press(at, event) {
    if (this.point && !this.drawing) {
      const [under] = this.under(at);
      if (under && under !== this.focus) this.focusOn(under);
    }
    const box = this.drafted?.box ?? null,
      key = this.focus,
      handle = box && !this.point && !this.drawing ? handleUnder(box, at, REACH / this.stage.place.k) : -1;
    if (box && handle >= 0) return this.drag((to) => this.set(key, pulled(box, handle, to[0], to[1], this.size)));
    if (box && !this.drawing && this.under(at).includes(key)) return this.drag((to) => this.set(key, moved(box, to[0] - at[0], to[1] - at[1], this.size)));
    return this.point ? null : this.drawNew(at);
  }

  /** A stroke that follows the mouse. @param {(to: number[]) => void} follow @returns {import("../base/imagestage.js").Drag} */
  drag(follow) {
    let begun = false;
    return {
      move: (to) => {
        if (!begun) this.begin("");
        begun = true;
        follow(to);
      },
      cancel: () => begun && this.undo(true),
    };
  }

  /** Draw a new box from a place on. @param {number[]} from @returns {import("../base/imagestage.js").Drag} */
  drawNew(from) {
    const key = freshKey(),
      label = this.newLabel,
      drag = this.drag((to) => {
        this.focus = key;
        this.chosen.clear();
        this.corner = 0;
        this.set(key, clamped([...from, ...to], this.size), label);
      });
    return {
      ...drag,
      end: (far) => {
        const box = this.drafts.get(key)?.box;
        if (far && box && Math.min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE) this.undo(true);
      },
    };
  }

  /** The class of a new object: the last one used, or that of the object in focus. */
  get newLabel() {
    return this.lastLabel || this.startOf(this.focus)?.label || this.space.classes[0];
  }

  /** @param {number[]} at @param {PointerEvent} event */
  click(at, event) {
    const here = this.under(at);
    if (here.length) this.pick(here[event.shiftKey ? 0 : (here.indexOf(this.focus) + 1) % here.length], event.shiftKey);
    else if (this.editing && this.point) {
      const key = freshKey(),
        label = this.newLabel;
      this.begin("");
      this.focus = key;
      this.set(key, clamped([...at, ...at], this.size), label);
    } else if (this.chosen.size) {
      this.chosen.clear();
      this.draw();
    }
  }

  /** @param {string} key */
  focusOn(key) {
    this.stroke = "";
    this.corner = 0;
    super.focusOn(key);
  }

  /* ---- edit mode ---- */

  edit() {
    if (!this.example?.units) return;
    this.editing = true;
    const thing = this.things.find(({ key }) => key === this.focus);
    if (thing && !thing.now && thing.hint) this.drafts.set(thing.key, thing.hint); // a suggested box is edited as if it were accepted
    this.draw();
  }

  leave() {
    super.leave();
    this.drawing = false;
    this.drafts = new Map();
    this.past = [];
    this.future = [];
    this.stroke = "";
    this.corner = 0;
  }

  drawn() {
    if (!this.past.length) return [];
    const before = new Map(this.units.map((unit) => [unit.key, this.written(this.placed(unit.value))]));
    const all = [...this.drafts].map(([key, now]) => ({ key, value: this.written(now) }));
    return all.filter(({ key, value }) => value !== (before.get(key) ?? "null"));
  }

  get unsaved() {
    return this.past.length > 0;
  }

  /** Begin a stroke, which one undo takes back; the same `what` again continues it. @param {string} what */
  begin(what) {
    if (what && what === this.stroke) return;
    this.stroke = what;
    this.past.push(new Map(this.drafts));
    this.future = [];
  }

  /** @param {string} key @param {Box} box @param {string} [label] @param {string} [mask] */
  set(key, box, label, mask) {
    const now = { box, label: label ?? this.startOf(key)?.label ?? this.newLabel, mask },
      thing = this.drafts.has(key) && this.things.find((one) => one.key === key);
    this.drafts.set(key, now);
    if (!thing || thing.now?.label !== now.label) this.draw();
    else {
      thing.now = now; // as long as a stroke goes on, nothing else changes
      this.head.replaceChildren(...this.headline());
      this.stage.redraw();
    }
  }

  /** @param {boolean} back */
  undo(back) {
    const [from, to] = back ? [this.past, this.future] : [this.future, this.past],
      before = from.pop();
    if (!before) {
      this.say("no stroke to undo", "warn");
      return;
    }
    to.push(this.drafts);
    this.drafts = before;
    this.stroke = "";
    this.things = this.list();
    if (!this.things.some(({ key }) => key === this.focus)) this.focus = this.units[0]?.key ?? "";
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    this.fast = event.shiftKey;
    return super.key(event);
  }

  /** @param {string} action */
  act(action) {
    if (ARROWS[action]) this.nudge(...ARROWS[action]);
    else if (SIDES[action]) this.widen(...SIDES[action]);
    else if (action === "draw" || action === "select") this.use(action === "draw");
    else if (action === "corner") this.grab();
    else if (action === "everywhere") this.chooseAlike();
    else return super.act(action);
    return true;
  }

  /** Draw new objects everywhere, or move and resize those that are there. @param {boolean} drawing */
  use(drawing) {
    this.drawing = drawing;
    this.say(drawing ? `drag draws a new ${this.one}` : `drag moves and resizes the ${this.one} in focus, and draws beside it`);
    this.draw();
  }

  /** The arrows move the next corner; after the last one, the whole box. */
  grab() {
    if (!this.point) this.corner = (this.corner + 1) % CORNERS.length;
    this.draw();
  }

  /** Move the object in focus, or its grabbed corner. @param {number} dx @param {number} dy */
  nudge(dx, dy) {
    const box = this.drafted?.box,
      by = this.fast ? 10 : 1,
      handle = CORNERS[this.corner];
    if (!box) return;
    this.begin(`move ${this.focus} ${handle}`);
    if (handle < 0) this.set(this.focus, moved(box, dx * by, dy * by, this.size));
    else {
      const [x, y] = handleAt(box, handle);
      this.set(this.focus, pulled(box, handle, x + dx * by, y + dy * by, this.size));
    }
  }

  /** Move the right or lower side. @param {number} dx @param {number} dy */
  widen(dx, dy) {
    const box = this.drafted?.box,
      by = this.fast ? 10 : 1;
    if (!box || this.point) return;
    this.begin(`size ${this.focus}`);
    this.set(this.focus, pulled(box, 4, box[2] + dx * by, box[3] + dy * by, this.size));
  }

  /** Select all objects of the class of the one in focus. */
  chooseAlike() {
    const label = this.drafted?.label;
    this.chosen = new Set(this.things.filter(({ now }) => now && now.label === label).map(({ key }) => key));
    this.say(`${count(this.chosen.size)} selected; a digit or / changes their class`);
    this.draw();
  }

  /* ---- decisions ---- */

  /** Set the class of the selected objects, or of the one in focus. @param {string} name @param {string} how */
  label(name, how) {
    const found = this.targets.map((key) => ({ key, now: this.startOf(key) })).filter(({ now }) => now);
    this.lastLabel = name;
    if (!found.length) this.say(`no ${this.one} in focus`, "warn");
    else if (this.editing) {
      this.begin("");
      for (const { key, now } of found) if (now) this.set(key, now.box, name);
    } else this.decide(found.map(({ key, now }) => ({ key, value: this.written(now && { ...now, label: name }) })), how);
  }

  /** @param {string} value @param {string | null} given */
  inside(value, given) {
    const placed = this.placed(value),
      box = placed && clamped(placed.box, this.size),
      stays = String(placed?.box) === String(this.placed(given)?.box);
    return placed && box && !stays && String(box) !== String(placed.box) ? this.written({ ...placed, box }) : value;
  }

  /** No object here. */
  nothing() {
    const { targets } = this;
    if (!this.editing) {
      this.decide(targets.map((key) => ({ key, value: "null" })), "key");
      return;
    }
    this.begin("");
    for (const key of targets) {
      if (this.units.some((unit) => unit.key === key)) this.drafts.set(key, null);
      else this.drafts.delete(key);
    }
    this.chosen.clear();
    if (!this.units.some((unit) => unit.key === this.focus)) this.focus = this.units[0]?.key ?? "";
    this.draw();
  }
}
