import assert from "node:assert/strict";
import test from "node:test";
import { placesAround } from "../../widgets/js/examples/ego.js";

test("linked nodes are spread evenly around the middle, the first at the top", () => {
  const places = placesAround(4, 200, 100, 10);
  const expected = [[100, 10], [190, 50], [100, 90], [10, 50]];
  places.forEach((place, i) => place.forEach((value, axis) => assert.ok(Math.abs(value - expected[i][axis]) < 1e-9)));
  assert.deepEqual(placesAround(0, 200, 100, 10), []);
});
