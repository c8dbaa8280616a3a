import assert from "node:assert/strict";
import test from "node:test";
import { Media, Shelf } from "../../widgets/js/examples/media.js";

const item = (row, length) => ({ row, src: "x".repeat(length) });

test("the shelf keeps to its room and forgets the longest unused", () => {
  const shelf = new Shelf(3000);
  for (const row of [1, 2, 3]) shelf.put(row, item(row, 700));
  assert.equal(shelf.get(1).row, 1); // used again
  shelf.put(4, item(4, 700));
  assert.deepEqual([...shelf.items.keys()], [3, 1, 4]);
  assert.ok(shelf.size <= 3000);
  shelf.put(3, item(3, 100));
  assert.equal(shelf.size, 2 * 900 + 300, "an item that comes again is counted once");
  shelf.put(9, item(9, 50_000));
  assert.deepEqual([...shelf.items.keys()], [9], "one item is kept, however large");
  for (let row = 10; row < 5000; row++) shelf.put(row, { row, text: "abc", table: [["a", "b"]] });
  assert.ok(shelf.size <= 3000);
});

test("rows that are on their way are not asked for again", async () => {
  const asked = [];
  const wire = { ask: async (_kind, { rows }) => (asked.push(rows), { body: { items: rows.map((row) => item(row, 1)) } }) };
  const media = new Media(wire, "image");
  const [first] = await Promise.all([media.want([1, 2]), media.want([2, 3])]);
  assert.deepEqual(asked, [[1, 2], [3]]);
  assert.deepEqual(first.map((one) => one.row), [1, 2]);
  assert.equal(new Media(wire, "own").shape, "text");
});
