import assert from "node:assert/strict";
import test from "node:test";
import { trailOf } from "../../widgets/js/maps/overlay.js";
import { stepOf } from "../../widgets/js/maps/trails.js";

const RANGES = [
  [0, 2],
  [0, 2],
];

test("a trail goes through the epochs up to the one on show, and leaves out where nothing is known", () => {
  const steps = [
    stepOf(0, Float32Array.of(0, 0, 1, 1), RANGES),
    stepOf(3, Float32Array.of(NaN, 1, 1, 1), RANGES),
    stepOf(5, Float32Array.of(2, 2, 1, 1), RANGES),
  ];
  const trails = { rows: [7, 8], steps };
  const near = (path) => path.map((place) => place.map((v) => Math.round(100 * v) / 100));
  assert.deepEqual(near(trailOf(trails, 0)), [
    [-0.93, -0.93],
    [0.93, 0.93],
  ]);
  assert.deepEqual(near(trailOf(trails, 1, 3)), [
    [0, 0],
    [0, 0],
  ]);
  assert.equal(trailOf(trails, 0, -1).length, 0);
});
