import assert from "node:assert/strict";
import test from "node:test";
import { actionOf, digitClasses, digitOf, inForce, keyCap, keyName, matchingClasses } from "../../widgets/js/base/keys.js";

const KEYMAP = {
  label: ["digit"],
  labelSelection: ["Shift+digit"],
  accept: [" "],
  keep: ["k"],
  confirmAll: ["K"],
  undo: ["u", "Ctrl+z"],
  redo: ["U", "Ctrl+Z"],
  previousUnit: ["Shift+Tab"],
  nextUnit: ["Tab"],
  next: ["ArrowRight"],
  type: ["/"],
  zoomOut: ["-"],
  undoView: ["Alt+ArrowLeft"],
  hide: ["Alt+h"],
};
const means = (event) => actionOf(event, KEYMAP);

test("keys mean what the table says; keys with ctrl or meta are left alone", () => {
  assert.deepEqual(means({ key: " " }), { action: "accept" });
  assert.deepEqual(means({ key: "u" }), { action: "undo" });
  assert.deepEqual(means({ key: "U", shiftKey: true }), { action: "redo" });
  assert.equal(means({ key: "k", ctrlKey: true }), null);
  assert.equal(means({ key: "q" }), null);
  assert.equal(means({ key: "k", isComposing: true }), null);
});

test("Caps Lock makes no other key of a letter, and Shift does", () => {
  assert.deepEqual(means({ key: "K" }), { action: "keep" });
  assert.deepEqual(means({ key: "k", shiftKey: true }), { action: "confirmAll" });
  assert.deepEqual(means({ key: "Z", ctrlKey: true }), { action: "undo" });
});

test("chords: Ctrl or Cmd, Alt; a character that needs AltGr is none", () => {
  assert.deepEqual(means({ key: "z", ctrlKey: true }), { action: "undo" });
  assert.deepEqual(means({ key: "z", metaKey: true }), { action: "undo" });
  assert.deepEqual(means({ key: "Z", ctrlKey: true, shiftKey: true }), { action: "redo" });
  assert.equal(means({ key: "z", ctrlKey: true, altKey: true }), null);
  assert.deepEqual(means({ key: "ArrowLeft", altKey: true }), { action: "undoView" });
  assert.deepEqual(means({ key: "˙", code: "KeyH", altKey: true }), { action: "hide" }, "h with Alt on a Mac");
  const typed = { key: "/", ctrlKey: true, altKey: true, getModifierState: (name) => name === "AltGraph" };
  assert.deepEqual(means(typed), { action: "type" });
});

test("keys of a name count with Shift as well, unless the keymap says otherwise", () => {
  assert.deepEqual(means({ key: "Tab", shiftKey: true }), { action: "previousUnit" });
  assert.deepEqual(means({ key: "Tab" }), { action: "nextUnit" });
  assert.deepEqual(means({ key: "ArrowRight", shiftKey: true }), { action: "next" });
});

test("digits go by their place, whatever the keyboard layout makes of it", () => {
  assert.deepEqual(means({ key: "3", code: "Digit3" }), { action: "label", digit: "3" });
  assert.deepEqual(means({ key: "-", code: "Digit6" }), { action: "label", digit: "6" }, "a French keyboard");
  assert.deepEqual(means({ key: "-", code: "Minus" }), { action: "zoomOut" });
  assert.deepEqual(means({ key: "#", code: "Digit3", shiftKey: true }), { action: "labelSelection", digit: "3" });
  assert.deepEqual(means({ key: "/", code: "Digit7", shiftKey: true }), { action: "type" }, "a German keyboard types / so");
  assert.equal(means({ key: "1", code: "Digit1", ctrlKey: true }), null, "the browser's own");
  const cvat = { label: ["Ctrl+digit", "digit"] };
  assert.deepEqual(actionOf({ key: "1", code: "Digit1", ctrlKey: true }, cvat), { action: "label", digit: "1" });
  assert.equal(digitOf({ key: "7", code: "Numpad7" }), "7");
  assert.equal(digitOf({ key: "ArrowRight", code: "Numpad6" }), null, "without Num Lock");
  assert.equal(digitOf({ key: "a", code: "KeyA" }), null);
});

test("letters of other scripts go by their place", () => {
  assert.deepEqual(means({ key: "л", code: "KeyK" }), { action: "keep" });
  assert.equal(keyName({ key: "Я", code: "KeyZ", ctrlKey: true, shiftKey: true }), "Ctrl+Z");
});

test("a kind of label with one unit an example leaves Tab to the focus", () => {
  assert.ok(!("nextUnit" in inForce(KEYMAP, {})));
  assert.ok("nextUnit" in inForce(KEYMAP, { units: true }) && "keep" in inForce(KEYMAP, {}));
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

test("typing finds classes by words, exact and first ones before others", () => {
  const classes = ["great tit", "tit", "title page", "marsh tit"];
  assert.deepEqual(matchingClasses(classes, "tit"), [1, 2, 0, 3]);
  assert.deepEqual(matchingClasses(classes, "tit great"), [0]);
  assert.deepEqual(matchingClasses(classes, "owl"), []);
  assert.equal(matchingClasses(classes, "", 2).length, 2);
});

test("key caps", () =>
  assert.deepEqual([" ", "U", "ArrowLeft", "k", "Ctrl+Z", "Alt+ArrowLeft", "Shift+Tab"].map(keyCap), ["Space", "⇧u", "←", "k", "Ctrl ⇧z", "Alt ←", "⇧Tab"]));
