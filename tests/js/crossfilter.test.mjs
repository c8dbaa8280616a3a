import assert from "node:assert/strict";
import test from "node:test";
import { binned, Crossfilter, NO_BIN } from "../../widgets/js/crossfilter.js";

const A = Float32Array.from([0, 1, 2, 3, NaN]), B = Int32Array.from([0, 1, 0, 1, -1]);

test("filters are joined by and; clearing one brings its rows back", () => {
  const filter = new Crossfilter(5);
  assert.equal(filter.active, false);
  filter.range("a", A, 1, 3);
  assert.deepEqual([...filter.passing], [0, 1, 1, 1, 0]);
  filter.among("b", B, new Set([1]));
  assert.deepEqual([...filter.passing], [0, 1, 0, 1, 0]);
  filter.clear("a");
  assert.deepEqual([...filter.passing], [0, 1, 0, 1, 0]);
  filter.clear("b");
  assert.deepEqual([...filter.passing], [1, 1, 1, 1, 1]);
});

test("a histogram leaves out its own filter and counts the selection", () => {
  const filter = new Crossfilter(5), bins = binned(A, 0, 4, 4);
  assert.deepEqual([...bins], [0, 1, 2, 3, NO_BIN]);
  filter.range("a", A, 0, 1);
  filter.among("b", B, new Set([0]));
  const { all, shown, chosen } = filter.counts("a", bins, 4, Uint8Array.from([0, 0, 1, 0, 0]));
  assert.deepEqual([...all], [1, 1, 1, 1]);
  assert.deepEqual([...shown], [1, 0, 1, 0]);
  assert.deepEqual([...chosen], [0, 0, 1, 0]);
});

test("missing values can be kept as a category of their own", () => {
  const filter = new Crossfilter(5);
  filter.among("b", B, new Set([-1]));
  assert.deepEqual([...filter.passing], [0, 0, 0, 0, 1]);
});

test("a mask is a filter, bits are given back, and the 32nd filter is refused", () => {
  const filter = new Crossfilter(2);
  for (let i = 0; i < 100; i++) { filter.mask(`m${i}`, Uint8Array.from([1, 0])); filter.clear(`m${i}`); }
  for (let i = 0; i < 31; i++) filter.mask(`m${i}`, Uint8Array.from([1, 0]));
  assert.throws(() => filter.mask("one more", Uint8Array.from([1, 0])), /31 filters/);
  assert.deepEqual([...filter.passing], [1, 0]);
});
