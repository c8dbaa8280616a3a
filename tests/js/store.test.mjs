import assert from "node:assert/strict";
import test from "node:test";
import { inRowOrder } from "../../widgets/js/review/actions.js";
import { patchOf, Store } from "../../widgets/js/state/store.js";

/** Six examples of three classes; the queue is rows 4, 2, 0. */
function sample() {
  return new Store({ n: 6, classes: ["a", "b", "c"], columns: [{ name: "label", categories: ["a", "b", "c"] }], space: [], added: [], expected: "x", changed: 0 }, {
    given: Int32Array.from([0, 1, 2, 0, 1, -1]), suggested: Int32Array.from([1, 1, 0, 0, 2, 0]), labels: Int32Array.from([0, 1, 2, 0, 1, -1]),
    verdict: new Uint8Array(6), flags: new Uint8Array(6), p_error: Float32Array.from([0.5, 0.1, 0.7, 0, 0.9, NaN]), p_suggested: new Float32Array(6),
    order: Int32Array.from([4, 2, 0, 1, 3, 5]), queue: Int32Array.from([4, 2, 0]), is_issue: Uint8Array.from([1, 0, 1, 0, 1, 0]) });
}

const relabel = (row, code) => ({ rows: Int32Array.of(row), labels: Int32Array.of(code), verdict: "relabel", text: "x" });

test("a decision takes effect at once, and undo and redo go back and forth", () => {
  const store = sample();
  store.apply(relabel(4, 2));
  assert.equal(store.labels[4], 2);
  assert.equal(store.verdict[4], 1);
  assert.deepEqual([store.edited(4), store.changed], [true, 0], "the page marks it, Python counts");
  store.travel(false);
  assert.deepEqual([store.labels[4], store.verdict[4], store.edited(4)], [1, 0, false]);
  store.travel(true);
  assert.equal(store.labels[4], 2);
  assert.equal(store.travel(true), null);
});

test("a new decision ends what could be redone", () => {
  const store = sample();
  store.apply(relabel(4, 2));
  store.travel(false);
  store.apply(relabel(2, 0));
  assert.equal(store.travel(true), null);
});

test("giving the given label is keeping it", () => {
  const store = sample();
  store.apply(relabel(0, 0));
  assert.equal(store.verdict[0], 2);
});

test("flags and notes are separate bits", () => {
  const store = sample();
  store.apply({ rows: Int32Array.of(1), flag: true, text: "" });
  store.apply({ rows: Int32Array.of(1), note: true, text: "" });
  assert.equal(store.flags[1], 3);
  store.apply({ rows: Int32Array.of(1), flag: false, text: "" });
  assert.equal(store.flags[1], 2);
});

test("the cursor goes to the next open example and stays in the list", () => {
  const store = sample();
  store.goTo(store.firstOpen("queue"));
  assert.equal(store.row, 4);
  store.apply(relabel(2, 0));
  assert.equal(store.nextOpen(), 0);
  store.step(1);
  assert.equal(store.row, 2);
  store.step(10);
  assert.equal(store.row, 0);
  assert.deepEqual(store.progress(), { done: 1, total: 3, at: 3 });
});

test("a selection becomes a list by suspicion; none means the queue again", () => {
  const store = sample();
  store.setSelection(Uint8Array.from([1, 1, 0, 0, 1, 0]));
  assert.deepEqual([...store.rows()], [4, 0, 1]);
  assert.equal(store.list, "selection");
  store.clearSelection();
  assert.equal(store.list, "queue");
  assert.equal(store.lists.selection.length, 0);
});

test("filters narrow the queue", () => {
  const store = sample();
  store.refilter((filter) => filter.range("p", store.pError, 0.6, 1));
  assert.deepEqual([...store.rows()], [4, 2]);
});

test("Python's word overrides the page's", () => {
  const store = sample();
  store.apply(relabel(4, 2));
  store.patch(patchOf([Int32Array.of(4), Int32Array.of(1), Uint8Array.of(0), Uint8Array.of(1)]), 7);
  assert.deepEqual([store.labels[4], store.verdict[4], store.flags[4], store.changed], [1, 0, 1, 7]);
});

test("labels follow their rows into row order", () => {
  assert.deepEqual([...inRowOrder(Int32Array.from([9, 2, 5]), Int32Array.from([90, 20, 50]))], [20, 50, 90]);
});

test("the look is told once per change, with the part that changed", () => {
  const store = sample(),
    heard = [];
  store.on("look", ({ part }) => heard.push(Object.keys(part)));
  store.setLook({ color_by: "aum" });
  store.setLook({ color_by: "aum" });
  store.setLook({ filters: { aum: [0, 1] } });
  assert.deepEqual(heard, [["color_by"], ["filters"]]);
  assert.deepEqual(store.look, { filters: { aum: [0, 1] }, color_by: "aum", cameras: {}, epochs: {} });
});

test("a filter tells which rows began or ceased to pass, and counts of live columns follow labels", () => {
  const store = sample(),
    heard = [];
  store.on("mask", ({ rows }) => heard.push([...rows]));
  store.refilter((filter) => filter.among("label", store.labels, new Set([0])));
  store.refilter((filter) => filter.clear("label"));
  assert.deepEqual(heard, [[1, 2, 4, 5], [1, 2, 4, 5]]);
  assert.deepEqual([...store.filter.counts("label", store.labels, 3, null).shown], [2, 2, 1]);
  store.apply(relabel(0, 2));
  assert.deepEqual([...store.filter.counts("label", store.labels, 3, null).shown], [1, 2, 2]);
});

test("classes that are added follow those of the data set, and keep their codes when that is undone", () => {
  const store = sample();
  const heard = [];
  store.on("space", () => heard.push([...store.space]));
  const grow = (...stands) => store.grow(stands.map((one, i) => ({ name: `new ${i}`, stands: one })));
  grow(true);
  grow(true);
  assert.deepEqual(heard, [["a", "b", "c", "new 0"]]);
  grow(true, true);
  assert.equal(store.className(4), "new 1");
  assert.equal(store.columns.get("label").categories.length, 5);
  grow(false, true);
  assert.deepEqual([...store.gone], [3]);
  assert.equal(store.className(3), "new 0");
  assert.equal(store.k, 3);
});

test("a list may be about one unit: the queue of a tag, or a selection that says so", () => {
  const store = sample();
  assert.equal(store.unit, "");
  store.setQueue(Int32Array.from([4, 2]), "p3");
  assert.equal(store.unit, "p3");
  store.setSelection(Uint8Array.from([1, 1, 0, 0, 0, 0]), { unit: "p7" });
  assert.deepEqual([store.list, store.unit], ["selection", "p7"]);
  store.showList("all");
  assert.equal(store.unit, "");
  store.setSelection(Uint8Array.from([1, 0, 0, 0, 0, 0]));
  assert.deepEqual([store.list, store.unit], ["selection", ""], "another selection is about all units again");
});
