/** Decisions about units of the example in the inspector: shown at once, saved, and reloaded after changes. */
import { clip, count } from "../base/format.js";
import { valueText } from "./unitlist.js";

/** Units of an example that are not reloaded after a decision unless it is undone, since sending them takes long. */
const MANY = 1_000;

export class UnitJudge {
  /** @param {import("./inspector.js").Inspector} inspector */
  constructor(inspector) {
    this.inspector = inspector;
    /** @type {Set<number>} */
    this.changed = new Set();
    /** @type {{ row: number, step: object } | null} the last decision, if its example has too many units to reload */
    this.own = null;
    const { store } = inspector;
    store.on("labels", (rows) => {
      for (const row of rows) this.changed.add(row);
    });
    store.on("history", () => this.renew());
    store.on("queue", () => {
      inspector.answers.clear(); // an audit is about other units, and hides earlier decisions
      if (store.row < 0) return;
      this.changed.add(store.row);
      this.renew();
    });
  }

  /**
   * Record decisions about units; after the last one that is suspicious or drawn in an audit, move to the next example.
   * @param {{ key: string, value: string }[]} verdicts @param {string} how
   */
  async judge(verdicts, how) {
    const { inspector } = this,
      { store, actions, answer } = inspector;
    if (answer?.row !== store.row || !answer.units || actions.refused()) return;
    const said = new Map(verdicts.map(({ key, value }) => [key, value])),
      there = new Set(answer.units.map(({ key }) => key));
    for (const { key, value } of verdicts) // new objects are shown at once
      if (!there.has(key) && value[0] === "{") answer.units.push({ key, given: null, value, changed: true, shape: null, name: "" });
    for (const unit of answer.units)
      if (said.has(unit.key)) Object.assign(unit, { value: said.get(unit.key), decided: true, changed: said.get(unit.key) !== unit.given });
    const changed = answer.units.some((unit) => unit.changed),
      asked = answer.units.filter((unit) => unit.asked),
      done = answer.whole !== false && (asked.length ? asked : answer.units.filter((unit) => unit.doubted)).every((unit) => unit.decided);
    const one = answer.units.find((unit) => unit.key === verdicts[0].key);
    const name = one?.shape?.item ?? (one?.name === one?.key ? "" : one?.name); // a key of a place says nothing to a person
    const named = [name && clip(String(name), 28), valueText(verdicts[0].value)].filter(Boolean).join(": ");
    const text = verdicts.length > 1 ? `${count(verdicts.length)} labels confirmed` : named;
    const saved = actions.units(verdicts, how, { changed, done, text });
    this.own = answer.units.length > MANY ? { row: answer.row, step: store.past[store.past.length - 1] } : null;
    inspector.showEditor();
    if (how === "typed" && !(await saved)) return; // what was typed may be refused
    const wanted = store.unit;
    if (wanted && said.has(wanted)) actions.advance(answer.row); // the list is about this unit only
    else if (!inspector.editor.advance?.() && done) actions.advance(answer.row);
  }

  /**
   * Confirm units as given, and that nothing else is wrong or missing in the example; then move to the next one.
   * @param {{ key: string, value: string }[]} verdicts
   */
  confirm(verdicts) {
    const { inspector } = this,
      { store, actions, answer } = inspector;
    if (answer?.row !== store.row || !answer.units || actions.refused()) return;
    const said = new Map(verdicts.map(({ key, value }) => [key, value]));
    for (const unit of answer.units) if (said.has(unit.key)) Object.assign(unit, { value: unit.given, decided: true, changed: false });
    answer.whole = true;
    const changed = answer.units.some((unit) => unit.changed);
    actions.units(verdicts, "confirm", { changed, done: true, text: "judged as a whole", whole: true });
    inspector.showEditor();
    actions.advance(answer.row);
  }

  /**
   * Set a tag of the whole selection.
   * @param {string} key @param {string} value
   */
  judgeSelection(key, value) {
    const { store, actions } = this.inspector,
      rows = store.lists.selection;
    if (!rows.length) actions.say("nothing is selected: draw around points first", "warn");
    else actions.unitOfMany(rows, key, value);
  }

  /** Reload the units of examples that changed, once everything is saved. */
  async renew() {
    const { inspector, changed } = this,
      { store } = inspector,
      { row } = store;
    if (store.pending || !changed.size) return;
    for (const one of changed) inspector.answers.delete(one);
    const here = changed.has(row),
      { own } = this;
    this.own = null;
    inspector.media.forget([...changed]);
    store.emit("pictures");
    changed.clear();
    if (!here || (own && own.row === row && own.step === store.past[store.past.length - 1])) return; // shown already
    try {
      const answer = await inspector.answers.fetch(row);
      if (store.row !== row || store.pending) return;
      const before = inspector.answer?.row === row ? inspector.answer.passage : null;
      if (before && before.text === answer.passage?.text) answer.passage = before; // the same text is not drawn again
      inspector.answer = answer;
      inspector.showEditor();
    } catch (error) {
      inspector.fail(/** @type {Error} */ (error));
    }
  }
}
