import assert from "node:assert/strict";
import test from "node:test";
import { nudge } from "../../widgets/js/editors/units.js";
import { BoxEditor } from "../../widgets/js/examples/boxeditor.js";
import { isOfKind } from "../../widgets/js/examples/unitlist.js";

test("a number goes up and down by a hundredth of its size, ten times as far with Shift, a tenth with Alt", () => {
  const plain = { shiftKey: false, altKey: false };
  assert.equal(nudge("347", true, plain), "348");
  assert.equal(nudge("347", false, { ...plain, shiftKey: true }), "337");
  assert.equal(nudge("347", true, { ...plain, altKey: true }), "347.1");
  assert.equal(nudge("0.034", true, plain), "0.0341");
  assert.equal(nudge("-99.5", true, plain), "-99.4");
  assert.equal(nudge("0", false, plain), "-1");
  assert.equal(nudge("12345678", true, plain), "12445678");
  assert.equal(nudge("", true, plain), "");
  assert.equal(nudge("about ten", true, plain), "about ten");
});

test("a unit is in the queue of its kind of error and of its pair of classes", () => {
  const box = (label) => `{"box":[0,0,4,4],"label":"${label}"}`;
  const unit = { key: "g0", kind: "class", given: box("cat"), suggested: box("dog") };
  assert.ok(isOfKind(unit, "class") && isOfKind(unit, "class, cat → dog"));
  assert.ok(!isOfKind(unit, "place") && !isOfKind(unit, "class, dog → cat") && !isOfKind({ ...unit, kind: null }, "class"));
});

test("an accepted box is cut to the picture, unless it lies where the given one does", () => {
  const editor = Object.assign(Object.create(BoxEditor.prototype), { read: new Map(), point: false, example: { item: { width: 9, height: 8 } } });
  const box = (label, ...box) => JSON.stringify({ box, label });
  assert.equal(editor.inside(box("dog", -2, 1, 4, 12), box("cat", 0, 1, 4, 8)), box("dog", 0, 1, 4, 8));
  assert.equal(editor.inside(box("dog", -2, 1, 4, 12), box("cat", -2, 1, 4, 12)), box("dog", -2, 1, 4, 12));
  assert.equal(editor.inside("null", box("cat", -2, 1, 4, 12)), "null");
  assert.equal(editor.inside(box("dog", 7, 1, 12, 4), null), box("dog", 7, 1, 9, 4));
});
