import assert from "node:assert/strict";
import test from "node:test";
import { layoutOf, seenOf } from "../../widgets/js/examples/grid.js";
import { fitted, highlighted, originalPixels, resized, scaled, searchWords, settled } from "../../widgets/js/base/zoom.js";

const BOX = [800, 500];

test("a picture of any shape is shown whole, in the middle, in its own proportions", () => {
  for (const size of [[280, 420], [420, 280], [8, 8], [6000, 4000], [3000, 4], [4, 3000], [1, 1]]) {
    const { k, x, y } = fitted(BOX, size);
    const [w, h] = size.map((side) => side * k);
    assert.ok(w <= BOX[0] + 1e-9 && h <= BOX[1] + 1e-9, size);
    assert.ok(Math.abs(w - BOX[0]) < 1e-9 || Math.abs(h - BOX[1]) < 1e-9, "as large as it fits");
    assert.ok(Math.abs(x - (BOX[0] - w) / 2) < 1e-9 && Math.abs(y - (BOX[1] - h) / 2) < 1e-9);
  }
});

test("zooming keeps the point under the pointer in its place, within bounds", () => {
  const size = [1600, 1000],
    start = fitted(BOX, size),
    at = [300, 200];
  const before = [(at[0] - start.x) / start.k, (at[1] - start.y) / start.k];
  const near = scaled(start, 4, at, BOX, size);
  assert.ok(Math.abs((at[0] - near.x) / near.k - before[0]) < 1e-9);
  assert.ok(Math.abs((at[1] - near.y) / near.k - before[1]) < 1e-9);
  assert.ok(Number.isFinite(scaled(start, 1e9, at, BOX, size).k));
  assert.ok(scaled(start, 1e-9, at, BOX, size).k > 0);
  assert.equal(originalPixels(start, BOX, size).k, 1);
  assert.equal(originalPixels(start, BOX, size, 2).k, 0.5);
});

test("a picture cannot be dragged out of its box", () => {
  const size = [1600, 1000];
  const far = settled({ k: 1, x: -9999, y: 9999 }, BOX, size);
  assert.deepEqual([far.x, far.y], [800 - 1600, 0]);
  assert.deepEqual(settled({ k: 0.1, x: -50, y: 3 }, BOX, size), { k: 0.1, x: 320, y: 200 });
  assert.equal(resized({ k: 2, x: -5, y: 0 }, [400, 250], size).k * 1600, 2 * 400, "the same part when more pixels came");
});

test("what was searched is marked in a text", () => {
  assert.deepEqual(highlighted("A cat and a Catalogue", ["cat"]), [["A ", false], ["cat", true], [" and a ", false], ["Cat", true], ["alogue", false]]);
  assert.deepEqual(highlighted("aab", ["a", "aa"]), [["aa", true], ["b", false]], "the longest word first");
  assert.deepEqual(highlighted("plain", []), [["plain", false]]);
  assert.equal(highlighted("שלום עולם", ["עולם"])[1][0], "עולם");
  assert.equal(highlighted("İstanbul x".repeat(3), ["x"]).map(([part]) => part).join(""), "İstanbul x".repeat(3));
  assert.deepEqual(searchWords("cats and dogs"), ["cats", "and", "dogs"]);
  assert.deepEqual(searchWords("p_error > .5 and given_label == 'cat'"), []);
  assert.deepEqual(searchWords(`contains(text, "free money") and p_error > .5`), ["free money"]);
  assert.deepEqual(searchWords(undefined), []);
});

test("a grid draws what is seen of it", () => {
  const lay = layoutOf(1000, 6 + 10 * 106, 100);
  assert.deepEqual([lay.columns, lay.rows], [10, 100]);
  assert.equal(layoutOf(5, 20, 100).columns, 1);
  const [first, last] = seenOf(lay, 5 * lay.tall, 4 * lay.tall, 1000);
  assert.deepEqual([first, last], [40, 100]);
  assert.deepEqual(seenOf(lay, 99 * lay.tall, 4 * lay.tall, 995), [980, 995]);
  assert.deepEqual(seenOf(layoutOf(0, 500, 100), 0, 400, 0), [0, 0]);
});
