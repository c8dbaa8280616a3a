// Rasters of class codes: runs, regions, strokes, borders, changes.
import assert from "node:assert";
import { test } from "node:test";
import { borderOf, brushed, changedRegions, cutOut, filled, paintRegion, putBack, rasterOf } from "../../widgets/js/base/rasters.js";
import { pixelsOf, regionOf } from "../../widgets/js/base/runlengths.js";

const blank = (width, height) => rasterOf({ lengths: [width * height], codes: [0] }, width, height);
const area = (raster, code) => raster.codes.reduce((sum, one) => sum + (one === code ? 1 : 0), 0);

test("runs go on from row to row", () => {
  assert.deepEqual([...rasterOf({ lengths: [2, 3, 1], codes: [1, -1, 2] }, 3, 2).codes], [1, 1, -1, -1, -1, 2]);
});

test("a brush has its area, and a stroke has round ends", () => {
  const raster = blank(100, 80);
  brushed(raster, [50, 40], [50, 40], 15, 3);
  assert.ok(Math.abs(area(raster, 3) - Math.PI * 225) < 12);
  brushed(raster, [20, 10], [60, 10], 4, 5);
  assert.ok(Math.abs(area(raster, 5) - (40 * 8 + Math.PI * 16)) < 8);
  const [left, , right] = brushed(raster, [0, 0], [-5, 3], 2, 1);
  assert.deepEqual([left, right], [0, 2]);
});

test("a polygon is filled by the even-odd rule, up to its border", () => {
  const raster = blank(40, 30);
  filled(raster, [[5, 5], [25, 5], [25, 15], [5, 15]], 1);
  assert.equal(area(raster, 1), 200);
  filled(raster, [[-10, -10], [100, -10], [100, 100], [-10, 100]], 2);
  assert.equal(area(raster, 2), 1200);
});

test("changes are one region for each class, and painting them gives the same raster", () => {
  const before = blank(50, 40),
    after = blank(50, 40),
    again = blank(50, 40);
  brushed(after, [10, 10], [30, 20], 5, 2);
  filled(after, [[20, 5], [45, 20], [22, 35]], 1);
  const found = changedRegions(before, after, [0, 0, 50, 40]);
  assert.deepEqual(found.map(([code]) => code).sort(), [1, 2]);
  for (const [code, region] of found) paintRegion(again, region, code);
  assert.deepEqual(again.codes, after.codes);
  const coarse = blank(17, 14);
  for (const [code, region] of found) paintRegion(coarse, region, code, 3);
  for (let y = 0; y < 14; y++) for (let x = 0; x < 17; x++) assert.equal(coarse.codes[y * 17 + x], after.codes[3 * y * 50 + 3 * x]);
});

test("a part is put back", () => {
  const raster = blank(20, 20),
    part = [3, 4, 12, 15],
    rows = cutOut(raster, part);
  brushed(raster, [8, 9], [8, 9], 3, 1);
  assert.ok(area(raster, 1) > 20);
  putBack(raster, part, rows);
  assert.equal(area(raster, 1), 0);
});

test("the border of a region separates it from the rest", () => {
  const region = regionOf(Uint8Array.from([1, 1, 0, 1, 0, 0]), 3);
  assert.deepEqual([...pixelsOf(region)], [1, 1, 1, 0]);
  const length = borderOf({ ...region, x0: 4, y0: 7 }).reduce((sum, [x0, y0, x1, y1]) => sum + Math.abs(x1 - x0) + Math.abs(y1 - y0), 0);
  assert.equal(length, 8);
});
