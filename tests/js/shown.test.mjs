/** What the view says about names, thresholds, gaps and empty queues. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { preset, thresholds } from "../../widgets/js/review/bulk.js";
import { gapsInWords } from "../../widgets/js/examples/curve.js";
import { foundBy } from "../../widgets/js/filters/filters.js";
import { shortNames } from "../../widgets/js/base/format.js";
import { cellsOf } from "../../widgets/js/base/geometry.js";
import { emptyQueue } from "../../widgets/js/state/orders.js";
import { readable } from "../../widgets/js/maps/overlay.js";
import { Store } from "../../widgets/js/state/store.js";

test("names with a common beginning still differ when they are short", () => {
  const names = Array.from({ length: 60 }, (_, i) => `Sub-category ${i} of household electronics and appliances`);
  for (const most of [9, 14, 17, 22, 40]) {
    const short = shortNames(names, most);
    assert.equal(new Set(short).size, 60);
    assert.ok(short.every((name) => [...name].length <= most));
    assert.ok(short.every((name, i) => name.includes(String(i))));
  }
  assert.deepEqual(shortNames(["cat", "dog"], 9), ["cat", "dog"]);
  assert.equal(shortNames(["a rather long name", "another"], 11)[0], "a rath…name");
  assert.deepEqual(shortNames(["path/to/pictures/cats", "path/to/pictures/dogs"], 12), ["path/to…cats", "path/to…dogs"]);
  const names2 = ["same beginning 1 x same end", "same beginning 2 x same end", "other"];
  assert.equal(new Set(shortNames(names2, 12)).size, 3);
});

test("thresholds of a bulk accept are those that hold something, with their counts", () => {
  const likely = [0.85, 0.82, 0.55, 0.52, 0.2, NaN];
  assert.deepEqual(thresholds(likely), [
    [0.8, 2],
    [0.5, 4],
    [null, 6],
  ]);
  assert.equal(preset(thresholds(likely)), 0.8);
  assert.equal(preset(thresholds([0.99, 0.95])), 0.95);
  assert.equal(preset(thresholds([0.2, 0.1])), null); // "any", and never none
  assert.deepEqual(thresholds([]), []);
  for (const [, held] of thresholds(likely)) assert.ok(held > 0);
});

test("a gap in a curve is explained", () => {
  const epochs = [0, 1, 2, 3];
  const given = [0.1, 0.2, 0.3, 0.4];
  assert.equal(gapsInWords({ epochs, given, suggested: [0.5, 0.5, 0.5, 0.5] }, "dog"), "");
  assert.equal(gapsInWords({ epochs, given, suggested: null }, "dog"), "");
  assert.match(gapsInWords({ epochs, given, suggested: [0.5, null, 0.5, null] }, "dog"), /^no line for dog in epochs 1, 3: it was not among the five/);
  const lost = gapsInWords({ epochs, given: [0.1, null, 0.3, 0.4], suggested: [0.5, null, 0.5, 0.5] }, "dog");
  assert.equal(lost, "this example was not recorded in epoch 1");
});

test("blind mode hides a row until it is judged", () => {
  const arrays = {
    given: Int32Array.of(0, 1),
    labels: Int32Array.of(0, 1),
    suggested: Int32Array.of(1, 1),
    verdict: Uint8Array.of(0, 2),
    flags: new Uint8Array(2),
    p_error: Float32Array.of(0.9, 0.1),
    p_suggested: Float32Array.of(0.8, 0.9),
    order: Int32Array.of(0, 1),
    queue: Int32Array.of(0),
    is_issue: Uint8Array.of(1, 0),
  };
  const store = new Store({ n: 2, classes: ["a", "b"], columns: [], space: [], added: [], blind: true }, arrays);
  assert.deepEqual([store.hides(0), store.hides(1), store.hides(-1)], [true, false, false]);
  store.blind = false;
  assert.equal(store.hides(0), false);
});

test("an empty queue says why", () => {
  assert.match(emptyQueue({ meta: { author: "ann" } }, "second"), /^No other author has judged an example that ann had not/);
  assert.match(emptyQueue({ meta: {} }, "suspicion"), /^No label issues were found\./);
  assert.match(emptyQueue({ meta: {} }, "aum"), /^The queue is empty\./);
});

test("a search says what it found, also when that is nothing", () => {
  assert.equal(foundBy("cat", 1234), "1,234 found by: cat");
  assert.equal(foundBy("cat", 0), "nothing found by: cat");
});

test("an axis has at least two numbers where there is room", () => {
  const make = (target) => (target < 4 ? [0.1, 0.2] : [0.05, 0.1, 0.15, 0.2]);
  assert.equal(readable(make, 2, (v) => v < 0.12).length, 4);
  assert.equal(readable(make, 2, () => true).length, 2);
});

test("points are counted in cells, the top row first", () => {
  assert.deepEqual([...cellsOf(Float32Array.of(-0.9, 0.9, 0.9, -0.9, 0.9, -0.8, 5, 5), 2)], [1, 0, 0, 2]);
});

test("what follows a long class name in a reason is seen", () => {
  const classes = Array.from({ length: 20 }, (_, i) => `Sub-category ${i} of household electronics`);
  const none = new Int32Array(0);
  const arrays = { given: none, labels: none, order: none, queue: none };
  const store = new Store({ n: 0, classes, columns: [], space: [], added: [] }, arrays);
  const short = store.shortenIn(`held-out models: ${classes[14]} .93, ${classes[1]} .02`, 46);
  assert.ok(short.length <= 50, short);
  assert.match(short, /^held-out models: .*14.* \.93, .*1.* \.02$/);
  assert.equal(store.shortenIn("10 of 10 neighbours disagree", 46), "10 of 10 neighbours disagree");
});
