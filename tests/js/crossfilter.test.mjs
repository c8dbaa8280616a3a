import assert from "node:assert/strict";
import test from "node:test";
import { binned, bucketed, Crossfilter, NO_BIN } from "../../widgets/js/base/crossfilter.js";

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

/** What a filter that starts anew each time would say. */
function brute(n, filters, name, bins, size, selected) {
  const counts = { all: new Int32Array(size), shown: new Int32Array(size), chosen: new Int32Array(size) };
  const passing = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    passing[i] = Number([...filters.values()].every((test) => test(i)));
    if (bins[i] < 0 || bins[i] >= size) continue;
    counts.all[bins[i]]++;
    if (![...filters].every(([other, test]) => other === name || test(i))) continue;
    counts.shown[bins[i]]++;
    if (selected?.[i]) counts.chosen[bins[i]]++;
  }
  return { ...counts, passing };
}

/** Reproducible numbers in [0, 1). */
function generator(seed) {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

test("brushes moved at random give the counts of filters made anew", () => {
  const n = 500,
    random = generator(7),
    selected = Uint8Array.from({ length: n }, () => random() < 0.3);
  const numbers = ["x", "y"].map(() => Float32Array.from({ length: n }, () => (random() < 0.1 ? NaN : Math.round(random() * 50) / 50)));
  numbers[1][0] = Infinity;
  const codes = Int32Array.from({ length: n }, () => Math.floor(random() * 4) - 1);
  const bins = { x: binned(numbers[0], 0, 1), y: binned(numbers[1], 0, 1), c: codes };
  const filter = new Crossfilter(n),
    tests = new Map(),
    passing = new Uint8Array(n).fill(1);
  for (let step = 0; step < 300; step++) {
    const kind = random();
    if (kind < 0.7) {
      const which = random() < 0.5 ? 0 : 1,
        name = "xy"[which],
        [low, high] = [random() * 1.2 - 0.1, random() * 1.2 - 0.1].sort((a, b) => a - b);
      filter.range(name, numbers[which], low, high);
      tests.set(name, (i) => numbers[which][i] >= low && numbers[which][i] <= high);
    } else if (kind < 0.85) {
      const kept = new Set([Math.floor(random() * 4) - 1, 1]);
      filter.among("c", codes, kept);
      tests.set("c", (i) => kept.has(codes[i]));
    } else {
      const name = "xyc"[Math.floor(random() * 3)];
      filter.clear(name);
      tests.delete(name);
    }
    for (const row of filter.takeFlipped()) passing[row] ^= 1;
    for (const [name, of] of Object.entries(bins)) {
      const size = name === "c" ? 3 : 40,
        chosen = step % 50 < 25 ? selected : null;
      const wanted = brute(n, tests, name, of, size, chosen),
        found = filter.counts(name, of, size, chosen);
      for (const part of ["all", "shown", "chosen"]) assert.deepEqual(found[part], wanted[part], `${step} ${name} ${part}`);
      assert.deepEqual(filter.passing, wanted.passing);
      assert.equal(filter.passingCount, wanted.passing.reduce((a, b) => a + b));
    }
    assert.deepEqual(passing, filter.passing, "the rows that flipped are all that flipped");
  }
});

test("an index holds every row with a value once, near its equals", () => {
  const values = Float32Array.from([3, NaN, 1, 2, Infinity, -Infinity, 1]),
    { rows, starts, bucket } = bucketed(values, 4);
  assert.deepEqual([...rows].sort(), [0, 2, 3, 4, 5, 6]);
  for (const row of rows) {
    const at = rows.indexOf(row),
      b = bucket(values[row]);
    assert.ok(at >= starts[b] && at < starts[b + 1]);
  }
  assert.deepEqual([...bucketed(Float32Array.from([5, 5])).rows], [0, 1]);
});
