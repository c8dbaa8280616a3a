import assert from "node:assert/strict";
import test from "node:test";
import { tagGapsInWords } from "../../widgets/js/examples/curve.js";
import { ruleInWords } from "../../widgets/js/filters/sets.js";

test("a rule is a sentence with its exceptions", () => {
  const rule = { tag: "boat", other: "beach", implies: true, count: 1200, share: 0.99, expected: 0.304, broken: 12 };
  assert.equal(
    ruleInWords(rule),
    "boat implies beach: 1,188 of 1,200 examples with boat have beach (99 %; 30 % if the two tags were independent). Click to select the 12 that break the rule.",
  );
  assert.match(ruleInWords({ ...rule, implies: false, broken: 1 }), /boat excludes beach: .* do not have beach .* the 1 that breaks the rule/);
  assert.match(ruleInWords({ ...rule, share: 1, broken: 0 }), /\(100 %; .*Click to select the examples that follow it/);
  assert.match(ruleInWords({ ...rule, share: 0.9976 }), /99\.8 %/, "a rule with exceptions does not hold in all");
});

test("why the curve of a tag has gaps", () => {
  assert.equal(tagGapsInWords({ epochs: [0, 1], given: [0.5, 0.4] }, "sea"), "");
  assert.match(tagGapsInWords({ epochs: [0, 1, 2], given: [0.5, null, null] }, "sea"), /no value for sea in epochs 1, 2: with very many tags/);
});
