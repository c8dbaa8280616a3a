import assert from "node:assert/strict";
import test from "node:test";
import { Registry } from "../../widgets/js/base/registry.js";

test("a name belongs to one part", () => {
  const registry = new Registry();
  registry.onAction("help", () => {});
  assert.throws(() => registry.onAction("help", () => {}), /two parts registered for the action help/);
  assert.throws(() => registry.on("never", () => {}), /unknown moment/);
});

test("Escape closes the latest thing that is open, one at a time", () => {
  const registry = new Registry(),
    open = { first: true, second: true };
  for (const name of ["first", "second"])
    registry.onEscape(() => {
      const was = open[name];
      open[name] = false;
      return was;
    });
  assert.equal(registry.escape(), true);
  assert.deepEqual(open, { first: true, second: false });
  assert.equal(registry.escape(), true);
  assert.equal(registry.escape(), false, "nothing was open");
});

test("moments run in the order of registration, endings once", () => {
  const registry = new Registry(),
    heard = [];
  registry.on("start", () => heard.push("a"));
  registry.on("start", () => heard.push("b"));
  registry.onEnd(() => heard.push("end"));
  registry.run("start");
  registry.run("layout");
  registry.end();
  registry.end();
  assert.deepEqual(heard, ["a", "b", "end"]);
});
