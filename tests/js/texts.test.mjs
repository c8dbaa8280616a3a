// The word diff of texts: parts rebuild both texts, and long texts are compared quickly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wordDiff } from "../../widgets/js/base/worddiff.js";

const joined = (parts, kinds) => parts.filter((part) => kinds.includes(part.kind)).map((part) => part.text).join("");

test("a changed word is removed and added, the rest is the same", () => {
  assert.deepEqual(wordDiff("a red circle", "a blue circle"), [
    { kind: "same", text: "a " },
    { kind: "removed", text: "red " },
    { kind: "added", text: "blue " },
    { kind: "same", text: "circle" },
  ]);
});

test("parts rebuild both texts", () => {
  const words = ["a", "red", "circle,", "שלום", "e\u0301te\u0301", "🦆", "\n", "  ", "x.y", "'t"];
  let seed = 7;
  const draw = (n) => (seed = (seed * 16807) % 2147483647) % n;
  for (let round = 0; round < 200; round++) {
    const make = () => Array.from({ length: draw(12) }, () => words[draw(words.length)]).join(draw(2) ? " " : "");
    const [old, now] = [make(), make()],
      parts = wordDiff(old, now);
    assert.equal(joined(parts, ["same", "removed"]), old);
    assert.equal(joined(parts, ["same", "added"]), now);
  }
});

test("2,000 words take milliseconds, 50,000 do not hang", () => {
  const long = (n, every) => Array.from({ length: n }, (_, i) => (i % every ? `word${i}` : `other${i * every}`)).join(" ");
  const start = performance.now();
  const parts = wordDiff(long(2000, 7), long(2000, 11));
  assert.ok(parts.length > 100);
  wordDiff(long(50_000, 7), long(50_000, 11));
  assert.ok(performance.now() - start < 3000);
});
