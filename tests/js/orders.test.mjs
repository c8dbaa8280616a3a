import assert from "node:assert/strict";
import test from "node:test";
import { cellCounts, classCounts, offeredOrders, tagQueues, topPairs } from "../../widgets/js/state/orders.js";

const store = { n: 6, classes: ["a", "b"], order: Int32Array.from([4, 2, 0, 1, 3, 5]), given: Int32Array.from([0, 1, 0, 0, 0, -1]),
  suggested: Int32Array.from([1, 0, 1, 0, 1, 0]), issue: Uint8Array.from([1, 1, 1, 0, 1, 0]), labels: Int32Array.from([1, 1, 0, 0, 0, -1]), edited: (i) => i === 0, pError: Float32Array.from([0.5, 0.5, 1, 0, 1, NaN]) };

test("counts by class and by pair leave unlabelled rows out", () => {
  const { given, issues, changed, expected } = classCounts(store);
  assert.deepEqual([[...given], [...issues], [...changed], [...expected]], [[4, 1], [3, 1], [1, 0], [2.5, 0.5]]);
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

test("queues of tags by the number of examples, and none of tags that nothing is said of", () => {
  const tags = [{ name: "dog", missing: 1, wrong: 0 }, { name: "snow", missing: 4, wrong: 2 }, { name: "sea", missing: 0, wrong: 0 }];
  assert.deepEqual(tagQueues(tags), [
    ["missing tag", [["missing tag snow", "snow: missing in 4"], ["missing tag dog", "dog: missing in 1"]]],
    ["wrong tag", [["wrong tag snow", "snow: wrong in 2"]]],
  ]);
  assert.deepEqual(offeredOrders(["suspicion"], "wrong tag snow", tagQueues(tags)), [["suspicion", "most suspicious first"]]);
});
