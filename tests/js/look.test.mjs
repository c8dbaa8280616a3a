import assert from "node:assert/strict";
import test from "node:test";
import { classColors, classTable, contrast, hex, levelsOf, levelsOfCodes, luminance, MISSING, parseColor, scoreColor, scoreTable } from "../../widgets/js/base/color.js";
import { darkPage } from "../../widgets/js/base/theme.js";
import { apart, lastFinite, spread } from "../../widgets/js/examples/curve.js";
import { sizesInWords } from "../../widgets/js/examples/setcurve.js";
import { brief, clip, probability, short, ticks } from "../../widgets/js/base/format.js";
import { disc, mark, Points2D } from "../../widgets/js/maps/points_2d.js";

test("numbers as people read them", () => {
  assert.deepEqual([0, 999, 1000, 9960, 12345, 999_600, 5_600_000].map(brief), ["0", "999", "1.0k", "10k", "12k", "1.0M", "5.6M"]);
  assert.deepEqual([0.93, 1, 0, 0.999, 0.001, NaN].map(probability), [".93", "1", "0", ">.99", "<.01", "–"]);
  assert.deepEqual([0.123456, 1234567, 0, 12].map(short), ["0.123", "1.2e+6", "0", "12"]);
});

test("long names keep their ending and never split a character", () => {
  assert.equal(clip("short"), "short");
  assert.equal([...clip("a very long name of a class", 12)].length, 12);
  assert.ok(clip("a very long name of a class", 12).endsWith("lass"));
  assert.equal(clip("🐈🐈🐈🐈🐈", 3), "🐈🐈…");
});

test("ticks are round and inside", () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(ticks(0.1, 0.9, 4), [0.2, 0.4, 0.6, 0.8]);
  assert.deepEqual(ticks(2, 2), [2]);
});

test("class colours are distinct and stand out from either page", () => {
  for (const dark of [false, true]) {
    const page = dark ? [33, 33, 33] : [255, 255, 255], colors = classColors(40, dark);
    assert.equal(new Set(colors.map(hex)).size, 40);
    for (const color of colors) assert.ok(contrast(color, page) > 1.5, `${hex(color)} on ${hex(page)}`);
  }
});

test("the suspicious end of a score is the salient one on either page", () => {
  for (const dark of [false, true]) for (const suspicious of ["low", "high"]) {
    const page = dark ? [17, 17, 17] : [255, 255, 255], at = suspicious === "low" ? 0 : 1;
    const bad = scoreColor(at, { suspicious, dark }), good = scoreColor(1 - at, { suspicious, dark });
    assert.ok(contrast(bad, page) > contrast(good, page));
    assert.ok(contrast(good, page) > 1.4);
  }
});

test("tables and levels: missing values have their own entry", () => {
  assert.deepEqual([...levelsOf(Float32Array.from([0, 1, NaN, 2]), 0, 1)], [0, 253, MISSING, 253]);
  assert.deepEqual([...levelsOfCodes(Int32Array.from([0, -1, 300]))], [0, MISSING, 46]);
  const table = scoreTable({}, [9, 9, 9]);
  assert.deepEqual([...table.slice(4 * MISSING)], [9, 9, 9, 255]);
  assert.deepEqual([...classTable([[1, 2, 3]], [9, 9, 9]).slice(0, 4)], [1, 2, 3, 255]);
});

test("colours are read in every form that a page gives", () => {
  assert.deepEqual(parseColor("#fff"), [255, 255, 255]);
  assert.deepEqual(parseColor("rgb(1, 2, 3)"), [1, 2, 3]);
  assert.ok(luminance([255, 255, 255]) > 0.99);
});

test("labels at line ends keep apart", () => {
  assert.deepEqual(apart(10, 40, 11), [10, 40]);
  const [a, b] = apart(20, 22, 11);
  assert.equal(b - a, 11);
  assert.equal(lastFinite([0.2, null, NaN]), 0.2);
  assert.equal(lastFinite([null]), null);
});

test("several labels at line ends keep apart and in order", () => {
  const places = spread([30, 10, 31, 32], 11);
  const sorted = [...places].sort((a, b) => a - b);
  for (let i = 1; i < 4; i++) assert.ok(sorted[i] - sorted[i - 1] > 10.9, String(sorted));
  assert.ok(places[1] < places[0] && places[0] < places[2] && places[2] < places[3]);
  assert.deepEqual(spread([5], 11), [5]);
});

test("how many candidates are left, in words", () => {
  assert.equal(sizesInWords([0, 1, 2, 3], [3, 3, 2, 1]), "3 candidates left, 2 from epoch 2, 1 from epoch 3");
  assert.equal(sizesInWords([4], [1]), "1 candidate left");
});

test("a disc of one pixel is one pixel", () => {
  assert.deepEqual(disc(1), [[0, 0]]);
  assert.ok(disc(6).length > 20 && disc(6).length < 36);
});

test("changed points are diamonds and flagged ones squares, on any screen", () => {
  const diamond = mark(7, "diamond"),
    square = mark(7, "square");
  assert.equal(square.length, 49);
  assert.equal(diamond.length, 25);
  assert.ok(!diamond.some(([dx, dy]) => Math.abs(dx) === 3 && Math.abs(dy) === 3));
});

test("without WebGL the suspicious end lies on top whatever the order of the rows", () => {
  for (const order of [
    [0, 253],
    [253, 0],
  ]) {
    const drawn = drawn2D(Uint8Array.from(order), { rise: 1 });
    assert.equal(drawn, 253);
    assert.equal(drawn2D(Uint8Array.from(order), { rise: -1 }), 0);
  }
});

/** Level whose colour ends in the middle of a canvas with two points at the same place. */
function drawn2D(levels, options) {
  let image = null;
  const context = {
    createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    putImageData: (made) => (image = made),
  };
  const points = new Points2D({ width: 60, height: 60, getContext: () => context });
  points.setPositions(new Float32Array(4));
  points.setLevels(levels);
  points.setStates(Uint8Array.of(1, 1));
  const table = new Uint8Array(1024);
  for (let i = 0; i < 256; i++) table[4 * i] = i;
  points.setTable(table);
  points.draw({ camera: { k: 1, tx: 0, ty: 0 }, size: 3, grey: [9, 9, 9], outline: [1, 1, 1], anySelected: false, ratio: 1, ...options });
  return new Uint8Array(image.data.buffer)[4 * (30 * 60 + 30)];
}

test("a page is dark if its host says so, else if its background is", () => {
  const plain = { backgrounds: [[0, 0, 0, 0]], scheme: "normal", prefersDark: true };
  const page = (signs) => darkPage({ ...plain, ...signs });
  assert.equal(page({}), false, "a page without a dark scheme is white whatever the system asks for");
  assert.equal(page({ scheme: "light dark" }), true);
  assert.equal(page({ scheme: "light dark", prefersDark: false }), false);
  assert.equal(page({ scheme: "dark", prefersDark: false }), true);
  assert.equal(page({ backgrounds: [[0, 0, 0, 20], [24, 28, 26, 255], [255, 255, 255, 255]] }), true, "the nearest counts");
  assert.equal(page({ backgrounds: [[250, 250, 250, 255]], scheme: "dark" }), false);
  assert.equal(page({ backgrounds: [[0, 0, 0, 255]], jupyter: "true" }), false);
  assert.equal(page({ jupyter: "false" }), true);
  assert.equal(page({ vscode: "vscode-dark" }), true);
  assert.equal(page({ vscode: "vscode-high-contrast-light", backgrounds: [[0, 0, 0, 255]] }), false);
});
