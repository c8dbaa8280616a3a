// Geometry of boxes: clamping, moving, resizing, hits.
import assert from "node:assert";
import { test } from "node:test";
import { boxesUnder, clamped, handleAt, handleUnder, HANDLES, moved, pulled } from "../../widgets/js/base/boxes.js";

const SIZE = [100, 60];

test("a drag in any direction gives ascending sides inside the picture", () => {
  assert.deepEqual(clamped([40, 50, 10, 20], SIZE), [10, 20, 40, 50]);
  assert.deepEqual(clamped([-5, 10, 120, 90.126], SIZE), [0, 10, 100, 60]);
  assert.deepEqual(clamped([-5, 10, 120, 90.126], null), [-5, 10, 120, 90.13]);
});

test("a moved box keeps its size at the border", () => {
  assert.deepEqual(moved([10, 10, 30, 20], 100, -100, SIZE), [80, 0, 100, 10]);
  assert.deepEqual(moved([-4, 10, 20, 20], 3, 3, SIZE), [-1, 13, 23, 23]); // a box that sticks out can be moved inside
  assert.deepEqual(moved([5, 5, 5, 5], -9, 2, SIZE), [0, 7, 0, 7]);
});

test("handles move their sides, which may pass each other but not meet", () => {
  const box = [10, 10, 30, 20];
  assert.deepEqual(pulled(box, 4, 35, 25, SIZE), [10, 10, 35, 25]);
  assert.deepEqual(pulled(box, 1, 0, 2, SIZE), [10, 2, 30, 20]);
  assert.deepEqual(pulled(box, 3, 4, 0, SIZE), [4, 10, 10, 20]);
  assert.deepEqual(pulled(box, 3, 10.5, 0, SIZE), box);
  for (let handle = 0; handle < HANDLES.length; handle++) assert.equal(handleUnder(box, handleAt(box, handle), 3), handle);
  assert.equal(handleUnder(box, [20, 15], 3), -1);
});

test("the smallest box under the mouse comes first, and points have a reach", () => {
  const boxes = [
    [0, 0, 50, 50],
    [10, 10, 20, 20],
    [60, 30, 60, 30],
  ];
  assert.deepEqual(boxesUnder(boxes, [15, 15], 4), [1, 0]);
  assert.deepEqual(boxesUnder(boxes, [57, 32], 4), [2]);
  assert.deepEqual(boxesUnder(boxes, [55, 32], 4), []);
});
