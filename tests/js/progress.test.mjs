import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { ProgressLine } from "../../widgets/js/base/progress.js";

function made() {
  mock.timers.enable({ apis: ["setTimeout"] });
  const element = { textContent: "402 to review" };
  return { element, line: new ProgressLine(() => element, 400) };
}

test("what is done in a moment is never shown", () => {
  const { element, line } = made();
  line.tell("ranking");
  mock.timers.tick(399);
  line.end();
  mock.timers.tick(10000);
  assert.equal(element.textContent, "402 to review");
  mock.timers.reset();
});

test("what takes longer is shown, step by step, and what stood there comes back", () => {
  const { element, line } = made();
  line.tell("ranking");
  line.tell("kernel ridge");
  mock.timers.tick(400);
  assert.equal(element.textContent, "kernel ridge…");
  line.tell("reasons");
  assert.equal(element.textContent, "reasons…");
  line.end();
  assert.equal(element.textContent, "402 to review");
  mock.timers.reset();
});

test("an answer that says something keeps its words", () => {
  const { element, line } = made();
  line.tell("ranking");
  mock.timers.tick(400);
  element.textContent = "ranked again";
  line.end();
  assert.equal(element.textContent, "ranked again");
  line.tell("exporting");
  mock.timers.tick(400);
  line.end();
  assert.equal(element.textContent, "ranked again");
  mock.timers.reset();
});
