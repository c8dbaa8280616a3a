import assert from "node:assert/strict";
import test from "node:test";
import { axesOf, cameraAt, centreOf, combined, insideBox, insidePolygon, modeFor, nearest, normalized, pointStyle, toData, toScreen, zoomed } from "../../widgets/js/base/geometry.js";

const SIZE = { width: 300, height: 200 };

test("screen and data are inverse under any camera", () => {
  for (const camera of [{ k: 1, tx: 0, ty: 0 }, { k: 3.2, tx: -0.4, ty: 0.9 }]) {
    const [x, y] = toData(toScreen([0.25, -0.5], SIZE, camera), SIZE, camera);
    assert.ok(Math.abs(x - 0.25) < 1e-9 && Math.abs(y + 0.5) < 1e-9);
  }
});

test("zooming holds the point under the pointer", () => {
  const before = { k: 1, tx: 0.1, ty: -0.2 }, at = [220, 40], after = zoomed(before, 2.5, at, SIZE);
  const [a, b] = toData(at, SIZE, before), [c, d] = toData(at, SIZE, after);
  assert.ok(Math.abs(a - c) < 1e-9 && Math.abs(b - d) < 1e-9);
  assert.equal(zoomed(before, 1e9, at, SIZE).k, 200);
});

test("normalized spans the map, centres a constant, and puts NaN far away", () => {
  const xy = normalized([0, 5, 10, NaN], [2, 2, 2, 2], [0, 10], [2, 2], 0.9);
  assert.deepEqual([...xy].slice(0, 6).map((v) => Math.round(v * 1e6) / 1e6 + 0), [-0.9, 0, 0, 0, 0.9, 0]);
  assert.ok(xy[6] > 1000);
});

test("points in one array are taken apart into two axes", () => {
  const [xs, ys] = axesOf(Float32Array.from([1, 2, 3, 4, 5]));
  assert.deepEqual([[...xs], [...ys]], [[1, 3], [2, 4]]);
});

test("a lasso holds what even-odd says, also when it is concave", () => {
  const xy = Float32Array.from([0, 0, 0.5, 0.5, 0, 0.75, 2, 2]);
  const notch = [[-1, -1], [1, -1], [1, 1], [0, 0.5], [-1, 1]];
  assert.deepEqual([...insidePolygon(xy, notch)], [1, 1, 0, 0]);
  assert.deepEqual([...insidePolygon(xy, notch, Uint8Array.from([0, 1, 1, 1]))], [0, 1, 0, 0]);
  assert.deepEqual([...insideBox(xy, [1, 1], [-0.1, -0.1])], [1, 1, 1, 0]);
});

test("polygon agrees with a plain loop on random points", () => {
  let seed = 1;
  const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647) * 2 - 1;
  const xy = Float32Array.from({ length: 400 }, random), outline = Array.from({ length: 9 }, () => [random(), random()]);
  const plain = (x, y) => outline.reduce((odd, [bx, by], i) => {
    const [ax, ay] = outline[(i + outline.length - 1) % outline.length];
    return ay > y !== by > y && x < ((ax - bx) * (y - by)) / (ay - by) + bx ? !odd : odd;
  }, false);
  insidePolygon(xy, outline).forEach((hit, i) => assert.equal(Boolean(hit), plain(xy[2 * i], xy[2 * i + 1])));
});

test("nearest finds the closest within the radius, or none", () => {
  const xy = Float32Array.from([0, 0, 0.1, 0, 0.1, 0]);
  assert.equal(nearest(xy, [0.08, 0], 0.05, 0.05), 2);
  assert.equal(nearest(xy, [0.08, 0], 0.05, 0.05, Uint8Array.from([1, 1, 0])), 1);
  assert.equal(nearest(xy, [0.5, 0.5], 0.05, 0.05), -1);
});

test("replace, add and remove", () => {
  const old = Uint8Array.from([1, 1, 0, 0]), fresh = Uint8Array.from([1, 0, 1, 0]);
  assert.deepEqual([...combined(old, fresh, "replace")], [1, 0, 1, 0]);
  assert.deepEqual([...combined(old, fresh, "add")], [1, 1, 1, 0]);
  assert.deepEqual([...combined(old, fresh, "remove")], [0, 1, 0, 0]);
});

test("modifier keys override the chosen mode", () => {
  assert.equal(modeFor({ shiftKey: true }, "replace"), "add");
  assert.equal(modeFor({ altKey: true }, "add"), "remove");
  assert.equal(modeFor({ ctrlKey: true }, "replace"), "remove");
  assert.equal(modeFor({}, "add"), "add");
});

test("points shrink and fade with density, and grow when one zooms in", () => {
  const few = pointStyle(500, 1e5, 1), many = pointStyle(1e6, 1e5, 1), near = pointStyle(1e6, 1e5, 20);
  assert.ok(few.size > many.size && few.alpha > many.alpha && near.size > many.size && many.size >= 1.5);
});

test("a camera is its zoom and the place in the middle, and back", () => {
  const camera = { k: 4, tx: -2, ty: 1 },
    [zoom, x, y] = centreOf(camera);
  assert.deepEqual([zoom, x, y], [4, 0.5, -0.25]);
  assert.deepEqual(toScreen([x, y], SIZE, camera), [150, 100], "it lies in the middle of the screen");
  assert.deepEqual(cameraAt([zoom, x, y]), camera);
  assert.equal(centreOf({ k: 1, tx: 0, ty: 0 }), null, "the whole map");
  assert.deepEqual(cameraAt(undefined), { k: 1, tx: 0, ty: 0 });
});
