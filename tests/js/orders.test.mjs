import assert from "node:assert/strict";
import test from "node:test";
import { cellCounts, classCounts, offeredOrders, topPairs } from "../../widgets/js/orders.js";

const store = { n: 6, classes: ["a", "b"], order: Int32Array.from([4, 2, 0, 1, 3, 5]), given: Int32Array.from([0, 1, 0, 0, 0, -1]),
  suggested: Int32Array.from([1, 0, 1, 0, 1, 0]), issue: Uint8Array.from([1, 1, 1, 0, 1, 0]), labels: Int32Array.from([1, 1, 0, 0, 0, -1]), edited: (i) => i === 0, pError: Float32Array.from([0.5, 0.5, 1, 0, 1, NaN]) };

test("counts by class and by pair leave unlabelled rows out", () => {
  const { given, suspected, changed, expected } = classCounts(store);
  assert.deepEqual([[...given], [...suspected], [...changed], [...expected]], [[4, 1], [3, 1], [1, 0], [2.5, 0.5]]);
});

test("the most frequent pairs come first", () => {
  assert.deepEqual(topPairs([0, 3, 1, 0], 2), [[0, 1, 3], [1, 0, 1]]);
  assert.deepEqual(topPairs([0, 3, 1, 0], 2, 1), [[0, 1, 3]]);
});

test("cells of a matrix count labelled examples that have a code", () => {
  const codes = Int32Array.from([1, 1, -1, 0, 1, 0]);
  assert.deepEqual([...cellCounts(store.given, codes, 2)], [1, 2, 0, 1]);
});

test("the menu of orders shows what is possible and what is in force", () => {
  assert.deepEqual(offeredOrders(["random", "all"], "all").map(([name]) => name), ["random", "all"]);
  assert.deepEqual(offeredOrders(["all"], "own"), [["all", "all examples"], ["own", "in your own order"]]);
  assert.deepEqual(offeredOrders(["all"], "weight")[0], ["weight", "by weight"]);
  assert.deepEqual(offeredOrders(["all"], "constructor")[0], ["constructor", "by constructor"]);
});
