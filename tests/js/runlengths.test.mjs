// Run lengths of regions, against texts that pycocotools wrote.
import assert from "node:assert";
import { test } from "node:test";
import { countsOf, pixelsOf, regionOf, textOf } from "../../widgets/js/base/runlengths.js";

const REFERENCE = [[[0, 4], "04"], [[5], "5"], [[3, 2, 1, 60, 900, 31, 32, 33], "321j1Sl0SOlTO2"], [[0, 1, 1, 1, 1, 1], "011000"], [[100000, 3, 5, 70000, 1, 2], "PeQ335][T2LbdkM"]];

test("compressed texts equal those of pycocotools", () => {
  for (const [counts, text] of REFERENCE) {
    assert.equal(textOf(counts), text);
    assert.deepEqual(countsOf(text), counts);
  }
});

test("a raster and its region", () => {
  const wide = 7,
    raster = new Uint8Array(7 * 5);
  for (const [x, y] of [
    [2, 1],
    [3, 1],
    [3, 2],
    [5, 3],
  ])
    raster[y * wide + x] = 1;
  const region = regionOf(raster, wide);
  assert.deepEqual([region.y0, region.x0, region.height, region.width], [1, 2, 3, 4]);
  const pixels = pixelsOf(region);
  for (let y = 0; y < 3; y++) for (let x = 0; x < 4; x++) assert.equal(pixels[y * 4 + x], raster[(y + 1) * wide + x + 2]);
  assert.equal(regionOf(new Uint8Array(12), 4), null);
  let seed = 5;
  const random = Uint8Array.from({ length: 60 * 40 }, () => (seed = (seed * 16807) % 2147483647) % 3 === 0);
  const whole = regionOf(random, 60);
  assert.deepEqual(pixelsOf(whole), random);
});
