/**
 * Details of one example: picture or text, reasons, curve, neighbours, buttons for the main keys, and the editor of its
 * kind of label.
 */
import { InspectAnswers } from "../state/answers.js";
import { CurvePart } from "./curvepart.js";
import { h } from "../base/dom.js";
import { clip, count } from "../base/format.js";
import { capOf, MEANINGS } from "../base/keys.js";
import { labelSpace } from "../state/labelspace.js";
import { LinkedStrip } from "./linked.js";
import { mediaNode } from "./media.js";
import { HIDDEN, NeighborStrip } from "./neighbors.js";
import { Pictures } from "./pictures.js";
import { TypeBox } from "../base/typebox.js";
import { UnitJudge } from "./unitjudge.js";
/** @import { InspectAnswer, Item, UnitInfo } from "../state/messages.js" */

/** Code of the verdict "skip". */
const SKIPPED = 3;

/**
 * @typedef {object} InspectorOptions
 * @property {import("../state/store.js").Store} store
 * @property {import("../state/wire.js").Wire} wire
 * @property {import("./media.js").Media} media
 * @property {import("../maps/paint.js").Paint} paint
 * @property {() => import("../base/color.js").Theme} theme
 * @property {import("../review/actions.js").Actions} actions
 * @property {import("../editors.js").Kind} kind the editor of the kind of label
 * @property {Record<string, string[]>} keymap keys of review mode
 * @property {Record<string, string[]>} edits keys of the edit mode
 * @property {(row: number) => void} onPick
 * @property {(text: string, kind?: string) => void} say
 * @property {(error: Error) => void} fail
 * @property {() => void} onLeave
 * @property {() => string} emptyQueue why there is nothing to review
 */

export class Inspector {
  title = h("span", { class: "lw-title" });
  place = h("span", { class: "lw-num lw-place" });
  bar = h("span", { class: "lw-progress-fill" });
  picture = h("div", { class: "lw-picture" });
  facts = h("div", { class: "lw-editor-facts" });
  tools = h("div", { class: "lw-editor-tools" });
  why = h("ul", { class: "lw-why", "aria-label": "why the label may be wrong" });
  acts = h("div", { class: "lw-acts", role: "group", "aria-label": "decisions" });
  noteLine = h("div", { class: "lw-note", role: "note", dir: "auto", hidden: true });
  table = h("dl", { class: "lw-columns" });
  whole = h("div", { class: "lw-whole lw-row", hidden: true });

  /** @param {InspectorOptions} options */
  constructor(options) {
    this.frame = 0;
    this.store = options.store;
    this.wire = options.wire;
    this.media = options.media;
    this.paint = options.paint;
    this.theme = options.theme;
    this.actions = options.actions;
    this.kind = options.kind;
    this.keymap = options.keymap;
    this.edits = options.edits;
    this.onPick = options.onPick;
    this.say = options.say;
    this.fail = options.fail;
    this.emptyQueue = options.emptyQueue;
    this.answers = new InspectAnswers(options);
    this.pictures = new Pictures(options.wire);
    /** @type {InspectAnswer | null} what is known of the example on show */
    this.answer = null;
    /** @type {UnitInfo | null} in focus */
    this.unit = null;
    /** @type {import("../filters/rowtable.js").RowTable | null} set by a feature, where examples are rows of a table */
    this.rows = null;
    this.typeBox = new TypeBox({
      keymap: this.edits,
      onMode: (typing) => this.el.classList.toggle("lw-typing", typing),
      onLeave: options.onLeave,
    });
    this.curve = new CurvePart(this);
    this.neighbors = new NeighborStrip(this);
    this.linked = new LinkedStrip(this);
    this.el = this.build();
    const { store } = this;
    this.buildActs();
    this.editor = this.kind.make({
      place: { facts: this.facts, tools: this.tools, root: this.el },
      line: this.typeBox,
      space: labelSpace(store, this.paint),
      keymap: this.edits,
      judge: (verdicts, how, whole) => this.judge(verdicts, how, whole),
      addClass: (name) => this.actions.addClass(name),
      pictures: store.meta.locked ? null : this.pictures,
      say: this.say,
      theme: this.theme,
      explain: (unit) => this.explain(unit),
    });
    this.units = this.kind.units ? new UnitJudge(this) : null;
    store.on("cursor", () => this.show());
    store.on("space", () => this.editor.grow?.());
    store.on("labels", () => {
      this.showEditor();
      this.queue();
      this.neighbors.again();
      this.linked.again();
    });
    let { kind } = store;
    store.on("list", () => {
      if (kind !== store.kind) {
        ({ kind } = store);
        this.showEditor();
      }
    });
    for (const topic of ["list", "mask", "count"]) store.on(topic, () => this.queue());
    store.on("count", () => this.wholeLine());
  }

  /** All parts together. */
  build() {
    this.why.hidden = this.store.meta.ordered === false;
    return h(
      "section",
      { class: `lw-inspector lw-of-${this.media.shape} lw-kind-${this.media.kind}${this.store.meta.brief_texts ? " lw-brief" : ""}`, "aria-label": "example" },
      h(
        "div",
        { class: "lw-part lw-part-look" },
        h("div", { class: "lw-row" }, this.title, h("span", { class: "lw-space" }), this.place),
        h("div", { class: "lw-progress", "aria-hidden": "true" }, this.bar),
        h("div", { class: "lw-look" }, this.picture, this.facts),
      ),
      h(
        "div",
        { class: "lw-part lw-part-decide" },
        this.why,
        h("div", { class: "lw-choose" }, this.tools, this.typeBox.el),
        this.whole,
        this.acts,
        this.noteLine,
      ),
      h(
        "div",
        { class: "lw-part lw-part-more" },
        ...this.curve.parts,
        ...this.linked.parts,
        ...this.neighbors.parts,
        this.table,
      ),
    );
  }

  buildActs() {
    /** @param {string} action */
    const cap = (action) => capOf(this.keymap, action);
    /** @param {keyof typeof MEANINGS} action @param {string} text @param {() => void} run */
    const act = (action, text, run) =>
      h(
        "button",
        {
          type: "button",
          class: "lw-act",
          "data-action": action,
          title: MEANINGS[action],
          "aria-label": MEANINGS[action],
          onclick: run,
        },
        h("span", { text }),
        cap(action) && h("kbd", { text: cap(action) }),
      );
    const { actions } = this;
    const { suggests } = this.store.meta;
    this.acts.replaceChildren(
      ...(suggests === false && !this.kind.units ? [] : [act("accept", "Accept", () => this.editor.accept())]),
      act("keep", "Keep", () => this.editor.keep()),
      act("skip", "Skip", () => actions.skip()),
      act("flag", "⚑", () => actions.flag()),
      act("note", "✎", () => this.openNote()),
    );
  }

  /* ---- the editor ---- */

  /**
   * Decide about labels, from the editor or for the whole selection: the only entry point for such decisions. `whole`
   * also says that nothing else is wrong or missing in the example.
   * @param {{ key: string, value: any }[]} verdicts @param {string} how @param {boolean} [whole]
   */
  judge(verdicts, how, whole) {
    const { actions } = this,
      value = verdicts[0]?.value;
    if (this.units && whole) this.units.confirm(verdicts);
    else if (this.units && how === "selection") this.units.judgeSelection(verdicts[0].key, value);
    else if (this.units) this.units.judge(verdicts, how);
    else if (how === "selection") actions.labelSelection(value);
    else if (how === "keep") actions.keep();
    else actions.label(value, how);
  }

  /** The state of the example passed to the editor. */
  showEditor() {
    const { store } = this,
      { row } = store;
    if (row < 0) {
      this.editor.show(null);
      return;
    }
    const { p_given = null, p_epoch = null } = this.answer?.row === row ? this.answer : {};
    this.editor.show({
      row,
      given: store.given[row],
      suggested: store.suggested[row],
      label: store.labels[row],
      verdict: store.verdict[row],
      edited: store.edited(row),
      flagged: store.flagged(row),
      hides: this.hides,
      doubted: store.meta.doubted !== false,
      pError: store.pError[row],
      pSuggested: store.pSuggested[row],
      pGiven: p_given,
      unit: store.unit,
      picked: store.unitPicked.row === row ? store.unitPicked.key : "",
      kind: store.kind,
      audited: store.meta.audit?.done || "",
      whole: this.answer?.row === row ? this.answer.whole : undefined,
      item: this.answer?.row === row ? this.answer.media : this.media.peek(row),
      units: this.answer?.row === row ? this.answer.units : null,
      mask: this.answer?.row === row ? this.answer.mask : null,
      passage: this.answer?.row === row ? this.answer.passage : null,
      items: this.answer?.row === row ? this.answer.items : null,
      epoch: p_epoch,
    });
    this.wholeLine();
    this.reveal();
  }

  /** The last step of an example in an audit of whole examples: a button, and how far the audit is. */
  wholeLine() {
    const { answer, store } = this,
      asked = answer?.row === store.row && answer.whole !== undefined;
    this.whole.hidden = !asked;
    if (!asked) return;
    const open = answer.units?.filter((unit) => !unit.decided).length ?? 0,
      cap = capOf(this.keymap, "confirmAll"),
      text = answer.whole ? "judged as a whole" : open ? `${count(open)} open ${open === 1 ? "is" : "are"} right, nothing else is missing` : "nothing else is wrong or missing";
    this.whole.replaceChildren(
      h("button", { type: "button", class: "lw-button lw-whole-done", disabled: answer.whole, onclick: () => this.confirmAll() }, h("span", { text }), !answer.whole && cap && h("kbd", { text: cap })),
      h("span", { class: "lw-quiet lw-num", text: store.meta.audit?.done ?? "" }),
    );
  }

  /** Confirm all undecided labels of the example as given; decided ones do not change. */
  confirmAll() {
    const { store, actions } = this,
      { row } = store;
    if (row < 0) return;
    if (this.kind.units) {
      if (!this.editor.confirmAll?.()) actions.advance(row);
    } else if (store.verdict[row] && store.verdict[row] !== SKIPPED) actions.advance(row);
    else this.editor.keep();
  }

  /** Edit mode: only the keys of the editor are active, until Escape. */
  get editing() {
    return Boolean(this.editor.editing || this.typeBox.mode);
  }

  /** @param {boolean} [typing] whether to focus its input line */
  openEditor(typing = false) {
    if (this.store.row >= 0 && !this.actions.refused()) this.editor.open(typing);
  }

  closeEditor() {
    this.editor.close();
    this.typeBox.close();
  }

  /* ---- display ---- */

  /** Request a row (and the next ones) and show it when it arrives. */
  async show() {
    const { store } = this,
      { row } = store;
    this.closeEditor();
    this.el.classList.toggle("lw-nothing", row < 0);
    for (const button of this.acts.querySelectorAll("button")) button.disabled = row < 0;
    if (row < 0) {
      this.empty();
      return;
    }
    const known = this.answers.get(row);
    if (known) this.fill(known);
    else {
      this.showEditor();
      this.drawPicture(this.media.peek(row));
      this.waiting();
    }
    this.queue();
    try {
      const answer = known || (await this.answers.fetch(row));
      if (store.row === row && !known) this.fill(answer);
      this.answers.ahead();
    } catch (error) {
      if (store.row === row) this.fail(/** @type {Error} */ (error));
    }
  }

  get hides() {
    return this.store.hides(this.store.row);
  }

  /** Show that there is no example. */
  empty() {
    this.answer = null;
    this.title.textContent = "no example";
    this.title.title = "";
    const why = this.store.rows("queue").length ? "Click a point, or draw around several." : this.emptyQueue();
    this.picture.replaceChildren(h("span", { class: "lw-empty-line", text: why }));
    this.why.replaceChildren();
    this.note("");
    this.neighbors.empty();
    this.linked.empty();
    this.table.replaceChildren();
    this.store.neighborsOf = null;
    this.showEditor();
    this.queue();
    this.curve.blank();
  }

  waiting() {
    this.title.textContent = "…";
    this.why.replaceChildren();
    this.note("");
  }

  /** @param {InspectAnswer} answer */
  fill(answer) {
    this.answer = answer;
    this.title.textContent = `example ${clip(String(answer.id), 22)}`;
    this.title.title = String(answer.id);
    this.drawPicture(answer.media);
    this.reasons();
    this.showEditor();
    this.curveSoon();
    this.neighbors.draw();
    this.linked.draw();
    this.showColumns(answer);
    this.store.neighborsOf = { row: answer.row, rows: answer.neighbors.rows };
    this.store.emit("neighbors");
  }

  /** @param {Item|undefined} item */
  drawPicture(item) {
    const stage = this.editor.stage?.el;
    if (!stage) this.picture.replaceChildren(this.rows?.node(this.answer) || mediaNode(item, "full"));
    else if (!stage.closest(".lw-lightbox:not([hidden])")) this.picture.replaceChildren(stage);
  }

  /** Show the reasons of the unit that has the focus in the editor. @param {UnitInfo|null|undefined} unit */
  explain(unit) {
    this.unit = unit || null;
    if (!this.answer) return;
    this.reasons();
    this.neighbors.captions();
    if (this.store.meta.unit_epochs.length) this.curveSoon();
  }

  /** Draw the curve when the page is laid out anyway: its width is needed. */
  curveSoon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.redrawCurve());
  }

  reasons() {
    const { answer } = this,
      { unit } = this,
      said = (unit ? unit.reasons : answer?.reasons) ?? [];
    const shows = capOf(this.keymap, "hide");
    const lines = this.hides ? [`${HIDDEN}${shows && ` (${shows} shows it)`}`] : said.length ? said : ["no reason to doubt this label"];
    this.why.replaceChildren(
      ...lines.map((text, i) => h("li", { text: this.store.shortenIn(text, 46), title: [text, !this.hides && !unit && answer?.meanings?.[i]].filter(Boolean).join("\n") })),
    );
    this.note(this.hides ? "" : (answer?.note ?? ""));
  }

  /** The note on the example, shown where it is written. @param {string} text */
  note(text) {
    this.noteLine.hidden = !text;
    this.noteLine.textContent = text ? `✎ ${text}` : "";
    this.noteLine.title = text || "";
  }

  /** The user's own columns; blind mode hides those that are evidence. @param {InspectAnswer} answer */
  showColumns(answer) {
    const hidden = this.hides ? this.store.meta.evidence_columns : [];
    const shown = this.media.kind === "none" ? [] : answer.columns.filter(([key]) => !hidden.includes(key));
    this.table.replaceChildren(...shown.flatMap(([key, value]) => [h("dt", { text: key }), h("dd", { text: value, title: value })]));
  }

  /** In blind mode a decision reveals what was hidden. */
  reveal() {
    if (this.store.blind && this.answer?.row === this.store.row && !this.hides) {
      this.reasons();
      this.redrawCurve();
      this.showColumns(this.answer);
    }
  }

  /** The position, as in "queue 14/180". */
  queue() {
    const { store } = this,
      name = store.list,
      rows = store.rows(),
      at = rows.indexOf(store.row) + 1;
    const { done, total } = store.progress();
    const word = name === "neighbors" ? "neighbours" : name;
    this.place.textContent = rows.length ? `${word} ${at ? count(at) : "–"}/${count(rows.length)}` : `${word} empty`;
    const basis = store.meta.audit?.title;
    this.place.title = [this.place.textContent, `${count(done)} of ${count(total)} in the queue decided`, basis, store.meta.canaries]
      .filter(Boolean)
      .join("; ");
    this.bar.style.width = total ? `${(100 * done) / total}%` : "0";
  }

  redrawCurve() {
    if (!this.answer) return;
    if (this.store.meta.unit_epochs.length) this.curve.drawUnit(this.unit, this.hides);
    else this.curve.draw(this.answer, this.hides);
  }

  /** Show or hide what blind mode hides. */
  blindChanged() {
    this.showEditor();
    if (!this.answer) return;
    this.reasons();
    this.redrawCurve();
    this.showColumns(this.answer);
    this.neighbors.again();
    this.linked.again();
  }

  /** Write or change the note of the current example. */
  openNote() {
    if (this.store.row < 0 || this.actions.refused()) return;
    const placeholder = "write a note, Enter saves it";
    this.typeBox.open({ name: "note", placeholder, value: this.answer?.note || "", choose: (text) => this.saveNote(String(text)) });
  }

  /** @param {string} text */
  async saveNote(text) {
    const { row } = this.store,
      known = this.answers.get(row);
    await this.actions.note(text);
    if (!known) return;
    known.note = text;
    if (this.store.row === row) this.reasons();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.answers.destroy();
    this.pictures.destroy();
    this.editor.destroy();
  }
}
