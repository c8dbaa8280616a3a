import assert from "node:assert/strict";
import test from "node:test";
import { queryShown } from "../../widgets/js/filters.js";
import { keyLine } from "../../widgets/js/help.js";
import { keymapOf } from "../../widgets/js/keys.js";

test("the line of keys shows those in force, and nothing to accept where nothing is suggested", () => {
  const line = keyLine(["a", "b"], keymapOf({ accept: "y", keep: [], undo: "z" }));
  assert.equal(line, "1–2 label  ·  y accept  ·  s skip  ·  z undo  ·  ← → move  ·  ? keys");
  assert.ok(!keyLine(["a", "b"], keymapOf(null), false).includes("accept"));
});

test("the query that is shown as an example can be asked", () => {
  const columns = (...names) => new Map(names.map((name) => [name, { name, kind: name === "site" ? "category" : "number" }]));
  assert.equal(queryShown({ meta: { doubted: true }, columns: columns(), classes: ["a"] }), "p_error > .5");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("site", "ink"), classes: ["a"] }), "ink > 0");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("ink (data)"), classes: ["a"] }), "`ink (data)` > 0");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("site"), classes: ["a"] }), 'given_label == "a"');
});
