import assert from "node:assert/strict";
import test from "node:test";
import { changedParts, ViewHistory } from "../../widgets/js/viewhistory.js";

const state = (part = {}) => ({ filters: {}, color_by: "p_error", cameras: {}, epochs: {}, selected: new Uint8Array(4), ...part });

test("the same state again is no step, whatever object holds it", () => {
  const history = new ViewHistory(state());
  assert.equal(history.record(state()), false);
  assert.equal(history.travel(), null);
  assert.equal(history.record(state({ selected: Uint8Array.of(0, 1, 0, 0) })), true);
});

test("back and forth give every state once, and something new ends what was undone", () => {
  const states = [state(), state({ color_by: "aum" }), state({ color_by: "aum", filters: { aum: [0, 1] } })],
    history = new ViewHistory(states[0]);
  states.slice(1).forEach((one) => history.record(one));
  assert.equal(history.travel(), states[1]);
  assert.equal(history.travel(), states[0]);
  assert.equal(history.travel(), null);
  assert.equal(history.travel(true), states[1]);
  history.record(state({ color_by: "label" }));
  assert.equal(history.travel(true), null);
  assert.equal(history.travel(), states[1]);
});

test("a long session keeps the latest fifty steps", () => {
  const history = new ViewHistory(state());
  for (let i = 1; i <= 80; i++) history.record(state({ color_by: `c${i}` }));
  let steps = 0;
  while (history.travel()) steps++;
  assert.equal(steps, 50);
  assert.equal(history.now.color_by, "c30");
});

test("which parts differ", () => {
  assert.deepEqual(changedParts(state(), state({ filters: { a: [0, 1] }, selected: Uint8Array.of(1, 0, 0, 0) })), ["filters", "selected"]);
});
