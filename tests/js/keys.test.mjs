import assert from "node:assert/strict";
import test from "node:test";
import { actionOf, digitClasses, digitOf, keyCap, KEYMAPS, keymapOf, matchingClasses, MEANINGS } from "../../widgets/js/keys.js";

const DEFAULT = KEYMAPS.default;

test("every action has a key and a meaning, and no key means two things", () => {
  for (const [name, map] of Object.entries(KEYMAPS)) {
    const keys = Object.values(map).flat();
    assert.equal(new Set(keys).size, keys.length, name);
    assert.deepEqual(Object.keys(map).sort(), Object.keys(MEANINGS).sort(), name);
  }
});

test("keys mean what the table says; keys with ctrl or meta are left alone", () => {
  assert.deepEqual(actionOf({ key: " " }, DEFAULT), { action: "accept" });
  assert.deepEqual(actionOf({ key: "u" }, DEFAULT), { action: "undo" });
  assert.deepEqual(actionOf({ key: "U", shiftKey: true }, DEFAULT), { action: "redo" });
  assert.deepEqual(actionOf({ key: "K" }, DEFAULT), { action: "keep" }, "caps lock");
  assert.equal(actionOf({ key: "k", ctrlKey: true }, DEFAULT), null);
  assert.equal(actionOf({ key: "q" }, DEFAULT), null);
});

test("digits label, with shift the selection, whatever the keyboard layout makes of it", () => {
  assert.deepEqual(actionOf({ key: "3", code: "Digit3" }, DEFAULT), { action: "label", digit: "3" });
  assert.deepEqual(actionOf({ key: "#", code: "Digit3", shiftKey: true }, DEFAULT), { action: "labelSelection", digit: "3" });
  assert.equal(digitOf({ key: "7", code: "Numpad7" }), "7");
  assert.equal(digitOf({ key: "a", code: "KeyA" }), null);
});

test("a digit key is the class of that name, else the place in the list with 0 as the tenth", () => {
  assert.equal(digitClasses(["0", "1", "2"])["2"], 2);
  assert.equal(digitClasses(["3", "8"])["8"], 1);
  assert.deepEqual(digitClasses(["cat", "dog"]), { 1: 0, 2: 1 });
  const many = digitClasses(Array.from({ length: 40 }, (_, i) => `class ${i}`));
  assert.equal(many["1"], 0);
  assert.equal(many["0"], 9);
  assert.equal(Object.keys(many).length, 10);
});

test("an own keymap lies over the default and takes its keys away from it", () => {
  const map = keymapOf({ accept: "k", keep: ["g"] });
  assert.deepEqual(map.accept, ["k"]);
  assert.deepEqual(map.keep, ["g"]);
  assert.deepEqual(map.skip, ["s"]);
  assert.equal(keymapOf("prodigy").accept[0], "a");
  assert.equal(keymapOf(null), DEFAULT);
});

test("typing finds classes by words, exact and first ones before others", () => {
  const classes = ["great tit", "tit", "title page", "marsh tit"];
  assert.deepEqual(matchingClasses(classes, "tit"), [1, 2, 0, 3]);
  assert.deepEqual(matchingClasses(classes, "tit great"), [0]);
  assert.deepEqual(matchingClasses(classes, "owl"), []);
  assert.equal(matchingClasses(classes, "", 2).length, 2);
});

test("key caps", () => assert.deepEqual([" ", "U", "ArrowLeft", "k"].map(keyCap), ["Space", "⇧u", "←", "k"]));

test("chords: Ctrl or Cmd, and nothing else with them", () => {
  assert.deepEqual(actionOf({ key: "z", ctrlKey: true }, DEFAULT), { action: "undoView" });
  assert.deepEqual(actionOf({ key: "z", metaKey: true }, DEFAULT), { action: "undoView" });
  assert.deepEqual(actionOf({ key: "Z", ctrlKey: true, shiftKey: true }, DEFAULT), { action: "redoView" });
  assert.equal(actionOf({ key: "z", ctrlKey: true, altKey: true }, DEFAULT), null);
  assert.equal(actionOf({ key: "1", code: "Digit1", ctrlKey: true }, DEFAULT), null, "the browser's own");
  assert.equal(keyCap("Ctrl+Z"), "Ctrl ⇧z");
});
