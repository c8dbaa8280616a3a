import assert from "node:assert/strict";
import test from "node:test";
import { percent, sortedRows } from "../../widgets/js/filters/rowtable.js";

test("features sort by name, by value, or as Python ranked them", () => {
  const rows = [
    { name: "f10", value: "2", number: 2 },
    { name: "f9", value: "–", number: null },
    { name: "city", value: "Oslo", number: null },
    { name: "F1", value: "30", number: 30 },
  ];
  const names = (by) => sortedRows(rows, by).map(({ name }) => name);
  assert.deepEqual(names("unusual"), ["f10", "f9", "city", "F1"]);
  assert.deepEqual(names("name"), ["city", "F1", "f9", "f10"]);
  assert.deepEqual(names("value").slice(0, 2), ["F1", "f10"]);
  assert.equal(rows[0].name, "f10", "the answer itself stays in its order");
});

test("a share is never rounded to nothing", () => {
  assert.deepEqual([1, 0.5, 0.034, 0.0061, 0.0002, null].map(percent), ["100 %", "50 %", "3 %", "0.6 %", "<0.1 %", "–"]);
});
