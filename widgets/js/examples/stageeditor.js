/**
 * Base of the editors that draw on a picture: the picture, a line about the object in focus, the list of objects, and
 * decisions about several selected ones. What was drawn is saved as one decision when edit mode ends.
 */
import { h } from "../base/dom.js";
import { probability } from "../base/format.js";
import { ImageStage } from "../base/imagestage.js";
import { swatch } from "../maps/legend.js";
import { ObjectEditor } from "./objecteditor.js";
import { inOrder, KeptLines, valueText } from "./unitlist.js";
/** @import { Drag } from "../base/imagestage.js" */
/** @import { Example } from "../editors.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** Parts of the view around the picture; a press on them does not end edit mode. */
const AROUND = ".lw-cover-head, .lw-enlarge";

/** @typedef {{ now: string, color: number[], edited: boolean }} Line what a line of the list shows: class, colour, whether it was changed */

/** A subclass has `paint`, `press`, `click`, `cursor`, `save`, `undo`, `lineNow`, `headline` and what `ObjectEditor` asks for. */
export class StageEditor extends ObjectEditor {
  /** @type {Set<string>} selected objects besides the one in focus */
  chosen = new Set();
  focus = "";

  /**
   * @param {import("../editors.js").EditorOptions} options
   * @param {{ one: string, many: string }} names
   * @param {...HTMLElement} tools
   */
  constructor(options, { one, many }, ...tools) {
    const head = h("div", { class: "lw-span-line" }),
      list = h("div", { class: "lw-units lw-boxes", role: "list", "aria-label": `${many} of the example`, tabindex: "-1" });
    super(options, one, head, ...tools, list);
    this.many = many;
    this.locked = !options.pictures; // a saved page
    this.head = head;
    this.lines = new KeptLines(list);
    this.stage = new ImageStage(
      {
        draw: (context) => this.paint(context),
        press: (at, event) => (this.editing && !event.shiftKey ? this.press(at, event) : null),
        click: (at, event) => this.click(at, event),
        cursor: (at) => this.cursor(at),
        twice: () => !this.locked && !this.editing && this.current && this.open(),
      },
      options.pictures,
    );
    this.place.root.classList.add("lw-of-boxes");
    // a press elsewhere saves what was drawn, before it shows another example
    this.outside = (/** @type {Event} */ event) => {
      const path = event.composedPath(),
        own = [this.stage.el, ...this.tools, this.line.el];
      if (this.editing && !path.some((el) => own.includes(/** @type {HTMLElement} */ (el)) || (el instanceof Element && el.matches(AROUND)))) this.close();
    };
    this.released = (/** @type {KeyboardEvent} */ event) => event.key === " " && (this.stage.holds = false);
    document.addEventListener("pointerdown", this.outside, true);
    document.addEventListener("keyup", this.released, true);
  }

  /** @param {CanvasRenderingContext2D} _context */
  paint(_context) {}

  /** Start a stroke of edit mode; null pans. @param {number[]} _at @param {PointerEvent} _event @returns {Drag | null} */
  press(_at, _event) {
    return null;
  }

  /** A press without a drag. @param {number[]} _at @param {PointerEvent} _event */
  click(_at, _event) {}

  /** @param {number[]} _at */
  cursor(_at) {
    return "default";
  }

  /** What was drawn, as verdicts. @returns {{ key: string, value: string }[]} */
  drawn() {
    return [];
  }

  /** Whether something was drawn that is not saved. */
  get unsaved() {
    return false;
  }

  /** What the line of a unit shows. @param {UnitInfo} _unit @returns {Line} */
  lineNow(_unit) {
    return { now: "", color: [], edited: false };
  }

  /** Size of the picture in pixels, null if it is unknown. @returns {number[] | null} */
  get size() {
    const item = this.example?.item;
    return item?.original ?? (item?.width && item.height ? [item.width, item.height] : null);
  }

  /* ---- display ---- */

  /** @param {UnitInfo[]} units */
  inTurn(units) {
    return inOrder(units, Boolean(this.example?.hides));
  }

  /** @param {Example | null} example */
  show(example) {
    if (example?.row !== this.example?.row) {
      this.chosen.clear();
      if (this.unsaved) this.say("what was drawn was not saved, because another example was shown", "warn");
    }
    super.show(example);
  }

  /** Show the picture; without one, a field of this size. @param {number[]} size */
  drawOn(size) {
    const { example } = this,
      item = example?.item;
    const shown = example && (item || this.units.length) ? { row: example.row, size: this.size ?? size, src: item?.src, text: item?.src ? "" : (item?.error ?? item?.url ?? "no picture") } : null;
    this.stage.show(shown);
    this.stage.el.classList.toggle("lw-editing", this.editing);
    this.head.replaceChildren(...(example ? this.headline() : []));
    this.lines.draw(this.units, (unit, i) => `${i},${this.look(unit)}`, (unit) => this.lineOf(unit));
    const at = this.units.findIndex(({ key }) => key === this.focus);
    this.stage.canvas.setAttribute("aria-label", `${this.units.length} ${this.many}${at < 0 ? "" : `; in focus ${at + 1}: ${valueText(this.units[at].value)}`}`);
  }

  /** All that a line depends on. @param {UnitInfo} unit */
  look(unit) {
    const { key, value, suggested, decided, doubted, p_error, kind } = unit,
      { now, edited } = this.lineNow(unit);
    return [key === this.focus, this.chosen.has(key), this.example?.row, this.example?.hides, now, edited, value, suggested, decided, doubted, p_error, kind].join();
  }

  /** @param {UnitInfo} unit */
  lineOf(unit) {
    const { hides } = this.example ?? {},
      focused = unit.key === this.focus,
      hint = !hides && !unit.decided && unit.doubted ? unit.suggested : null,
      { now, color, edited } = this.lineNow(unit);
    return h(
      "div",
      {
        class: `lw-unit${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}${this.chosen.has(unit.key) ? " lw-chosen" : ""}`,
        role: "listitem",
        "aria-current": String(focused),
        "data-key": unit.key,
        onclick: (event) => this.pick(unit.key, event.shiftKey),
      },
      swatch(color),
      h("span", { class: "lw-unit-name lw-clip", text: now, title: now }),
      hint && hint !== unit.value ? h("span", { class: "lw-unit-hint lw-quiet lw-clip", text: `${unit.kind ?? ""} → ${valueText(hint)}`, title: valueText(hint) }) : null,
      h("span", { class: "lw-num lw-quiet", text: edited || unit.changed ? "✎" : hides || !Number.isFinite(unit.p_error) ? "" : `p ${probability(unit.p_error)}` }),
    );
  }

  /** The button that starts edit mode, or ends it. @param {string} what */
  editButton(what) {
    const [text, title, onclick] = this.editing ? [this.unsaved ? "save" : "done", "Enter", () => this.close()] : ["edit", `Enter: ${what}`, () => this.open()];
    return h("button", { type: "button", class: "lw-answer", text, title, onclick, hidden: this.locked });
  }

  /** @param {string | null | undefined} label */
  colorOf(label) {
    const code = this.codes.get(label ?? "");
    return code === undefined ? [128, 128, 128] : this.space.color(code);
  }

  /* ---- focus ---- */

  /** Focus an object; with Shift, select it as well. @param {string} key @param {boolean} more */
  pick(key, more) {
    if (!more) {
      this.focusOn(key);
      return;
    }
    if (!this.chosen.size && this.focus) this.chosen.add(this.focus);
    if (this.chosen.has(key)) this.chosen.delete(key);
    else this.chosen.add(key);
    if (!this.chosen.has(this.focus)) this.focus = [...this.chosen][0] ?? key;
    this.draw();
  }

  /** @param {string} key */
  focusOn(key) {
    this.chosen.clear();
    if (!this.editing) {
      super.focusOn(key);
      return;
    }
    this.focus = key;
    this.draw();
    this.explain(this.current);
    this.reveal();
  }

  /* ---- edit mode ---- */

  leave() {
    super.leave();
    this.stage.holds = false;
  }

  /** Leave edit mode and save what was drawn as one decision. */
  close() {
    if (!this.editing) {
      super.close();
      return;
    }
    const verdicts = this.drawn();
    this.line.close();
    this.leave();
    this.draw();
    if (verdicts.length) this.judge(verdicts, "key");
  }

  /** Undo or redo a stroke. @param {boolean} _back */
  undo(_back) {}

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== " ") return super.key(event);
    this.stage.holds = true;
    return true;
  }

  /** @param {string} action */
  act(action) {
    /** @type {Record<string, () => void>} */
    const acts = {
      choose: () => this.close(),
      remove: () => this.nothing(),
      undoStroke: () => this.undo(true),
      redoStroke: () => this.undo(false),
      nextObject: () => this.step(1),
      previousObject: () => this.step(-1),
      larger: () => this.stage.zoom(1.25),
      smaller: () => this.stage.zoom(0.8),
      fit: () => this.stage.fit(),
    };
    acts[action]?.();
    return Boolean(acts[action]);
  }

  /* ---- decisions ---- */

  /** The objects that a decision is about. */
  get targets() {
    return this.chosen.size ? [...this.chosen] : this.focus ? [this.focus] : [];
  }

  /** Their units. */
  get wanted() {
    const keys = new Set(this.targets);
    return this.units.filter((unit) => keys.has(unit.key));
  }

  /** @param {string} digit @param {boolean} selection */
  digit(digit, selection) {
    if (digit === "0" && this.digits[0] === undefined) this.stage.fit();
    else super.digit(digit, selection);
  }

  /** @param {{ key: string, value: string }[]} verdicts @param {string} how */
  decide(verdicts, how) {
    this.chosen.clear();
    if (verdicts.length) this.judge(verdicts, how);
  }

  nothing() {}

  /** A suggested value, inside the picture unless it lies where the given one does. @param {string} value @param {string | null} _given */
  inside(value, _given) {
    return value;
  }

  accept() {
    const suggested = this.wanted.filter((unit) => typeof unit.suggested === "string");
    if (!suggested.length) super.accept();
    else this.decide(suggested.map((unit) => ({ key: unit.key, value: this.inside(unit.suggested ?? "null", unit.given) })), "accept");
  }

  keep() {
    this.decide(this.wanted.map((unit) => ({ key: unit.key, value: unit.given ?? "null" })), "keep");
  }

  destroy() {
    super.destroy();
    document.removeEventListener("pointerdown", this.outside, true);
    document.removeEventListener("keyup", this.released, true);
    this.stage.destroy();
  }
}
