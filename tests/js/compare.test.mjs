import assert from "node:assert/strict";
import test from "node:test";
import { distances, movedMost } from "../../widgets/js/maps/compare.js";

const moved = Float32Array.from([0.1, 0, 0.5, NaN, 0.3]);
const none = new Int32Array(0);

test("arrows go to what moved farthest, of the selection if there is one", () => {
  assert.deepEqual(movedMost({ moved, passing: null, selection: none }), [2, 4, 0]);
  assert.deepEqual(movedMost({ moved, passing: null, selection: none, most: 1 }), [2]);
  assert.deepEqual(movedMost({ moved, passing: Uint8Array.from([1, 1, 0, 1, 1]), selection: none }), [4, 0]);
  assert.deepEqual(movedMost({ moved, passing: null, selection: Int32Array.from([0, 1, 3]) }), [0]);
});

test("distances between the places of two runs; unknown places did not move", () => {
  const moved = distances([Float32Array.of(0, 1, 1), Float32Array.of(0, 1, 1)], [Float32Array.of(3, 1, NaN), Float32Array.of(4, 1, 0)]);
  assert.deepEqual([...moved], [5, 0, 0]);
});
