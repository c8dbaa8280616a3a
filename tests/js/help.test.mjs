import assert from "node:assert/strict";
import test from "node:test";
import { queryShown } from "../../widgets/js/filters/filters.js";
import { keyLine, printed } from "../../widgets/js/help.js";

test("the line of keys shows those in force, and nothing to accept where nothing is suggested", () => {
  const keys = { accept: ["y"], keep: [], skip: ["s"], undo: ["z"], previous: ["ArrowLeft"], next: ["ArrowRight"], help: ["?"] };
  const line = keyLine(["a", "b"], keys);
  assert.equal(line, "1–2 label  ·  y accept  ·  s skip  ·  z undo  ·  ← → move  ·  ? keys");
  assert.ok(!keyLine(["a", "b"], keys, false).includes("accept"));
});

test("digit keys are printed as those that set a class", () => {
  assert.deepEqual(printed(["digit", "Ctrl+digit", "Shift+digit"], { 1: 0, 2: 1, 0: 9 }), ["1 … 0", "Ctrl 1 … 0", "⇧ 1 … 0"]);
  assert.deepEqual(printed(["digit", "k"], {}), ["k"], "no class has a digit");
});

test("the query that is shown as an example can be asked", () => {
  const columns = (...names) => new Map(names.map((name) => [name, { name, kind: name === "site" ? "category" : "number" }]));
  assert.equal(queryShown({ meta: { doubted: true }, columns: columns(), classes: ["a"] }), "p_error > .5");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("site", "ink"), classes: ["a"] }), "ink > 0");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("ink (data)"), classes: ["a"] }), "`ink (data)` > 0");
  assert.equal(queryShown({ meta: { doubted: false }, columns: columns("site"), classes: ["a"] }), 'given_label == "a"');
});
