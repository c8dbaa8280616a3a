import assert from "node:assert/strict";
import test from "node:test";
import { classCounts, ordered, pairCounts, shuffled, topPairs } from "../../widgets/js/orders.js";

const store = { n: 6, classes: ["a", "b"], order: Int32Array.from([4, 2, 0, 1, 3, 5]), given: Int32Array.from([0, 1, 0, 0, 0, -1]),
  suggested: Int32Array.from([1, 0, 1, 0, 1, 0]), issue: Uint8Array.from([1, 1, 1, 0, 1, 0]), labels: Int32Array.from([1, 1, 0, 0, 0, -1]), pError: Float32Array.from([0.5, 0.5, 1, 0, 1, NaN]) };
const QUEUE = Int32Array.from([4, 1, 2, 0]);

test("orders hold the same rows", () => {
  for (const name of ["suspicion", "random", "pairs"]) assert.deepEqual([...ordered(name, QUEUE, store)].sort(), [0, 1, 2, 4]);
  assert.deepEqual([...ordered("pairs", QUEUE, store)], [4, 2, 0, 1], "the frequent pair first, by suspicion inside");
  assert.deepEqual(ordered("all", QUEUE, store), store.order);
});

test("a shuffle is the same for the same seed and leaves its input alone", () => {
  const rows = Int32Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(shuffled(rows, 3), shuffled(rows, 3));
  assert.notDeepEqual(shuffled(rows, 3), shuffled(rows, 4));
  assert.equal(rows[50], 50);
});

test("counts by class and by pair leave unlabelled rows out", () => {
  const { given, suspected, changed, expected } = classCounts(store);
  assert.deepEqual([[...given], [...suspected], [...changed], [...expected]], [[4, 1], [3, 1], [1, 0], [2.5, 0.5]]);
  assert.deepEqual([...pairCounts(store)], [0, 3, 1, 0]);
  assert.deepEqual(topPairs(pairCounts(store), 2), [[0, 1, 3], [1, 0, 1]]);
  assert.deepEqual(topPairs(pairCounts(store), 2, 1), [[0, 1, 3]]);
});
