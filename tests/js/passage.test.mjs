import assert from "node:assert/strict";
import test from "node:test";
import { equalForms, levels, placeOf, tokensOf } from "../../widgets/js/examples/passage.js";
import { written } from "../../widgets/js/editors/spans.js";

const passage = { text: "Rome , 1990", begin: [0, 5, 7], end: [4, 6, 11], counts: "characters" };

test("a place in characters touches tokens, and tokens have a place", () => {
  assert.deepEqual(tokensOf(passage, { start: 0, end: 4 }), [0, 1]);
  assert.deepEqual(tokensOf(passage, { start: 2, end: 8 }), [0, 3]);
  assert.equal(tokensOf(passage, { start: 4, end: 5 }), null);
  assert.deepEqual(tokensOf(passage, { start: 10, end: 99 }), [2, 3]);
  assert.deepEqual(placeOf(passage, 1, 3), { start: 5, end: 11 });
});

test("a place in tokens is itself, within the text", () => {
  const tagged = { ...passage, counts: "tokens" };
  assert.deepEqual(tokensOf(tagged, { start: 1, end: 9 }), [1, 3]);
  assert.equal(tokensOf(tagged, { start: 3, end: 4 }), null);
  assert.deepEqual(placeOf(tagged, 1, 3), { start: 1, end: 3 });
});

test("spans that overlap lie on levels of their own, shorter ones nearer to the words", () => {
  const ranges = [[0, 9], [1, 3], [2, 5], [6, 7]].map(([first, last]) => ({ first, last }));
  const found = levels(ranges);
  assert.equal(found[1], 0);
  assert.equal(found[3], 0);
  assert.equal(found[2], 1);
  assert.equal(found[0], 2);
  assert.deepEqual(levels([]), []);
});

test("equal words are found without overlap", () => {
  assert.deepEqual(equalForms(["a", "b", "a", "b", "a"], 0, 1), [[0, 1], [2, 3], [4, 5]]);
  assert.deepEqual(equalForms(["a", "b", "a", "b"], 2, 4), [[0, 2], [2, 4]]);
  assert.deepEqual(equalForms(["a", "a", "a"], 0, 2), [[0, 2]]);
});

test("a value is written as Python writes it", () => {
  assert.equal(written({ start: 3, end: 5 }, "Ort “x”"), '{"end":5,"label":"Ort “x”","start":3}');
});
