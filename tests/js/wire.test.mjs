import assert from "node:assert/strict";
import test from "node:test";
import { Wire } from "../../widgets/js/wire.js";

/** A model that keeps what was sent and lets a test answer. */
function fakeModel() {
  const model = { sent: [], on: (_, listener) => { model.answer = listener; }, off: () => { model.closed = true; }, send: (body, _, buffers) => model.sent.push({ body, buffers }) };
  return model;
}

test("every question gets its own answer, in whatever order they come", async () => {
  const model = fakeModel(), wire = new Wire(model, () => {});
  const a = wire.ask("one", { x: 1 }), b = wire.ask("two");
  assert.equal(model.sent[0].body.x, 1);
  model.answer({ request: model.sent[1].body.request, y: 2 }, []);
  model.answer({ request: model.sent[0].body.request, y: 1 }, []);
  assert.deepEqual([(await a).body.y, (await b).body.y], [1, 2]);
  wire.close();
  assert.ok(model.closed);
});

test("an error is an answer, and a comm that throws is one too", async () => {
  const model = fakeModel(), wire = new Wire(model, () => {});
  const a = wire.ask("one");
  model.answer({ request: model.sent[0].body.request, error: "no such thing" }, []);
  await assert.rejects(a, /no such thing/);
  model.send = () => { throw new Error("closed"); };
  await assert.rejects(wire.ask("two"), /kernel cannot be reached/);
  wire.close();
});

test("news reach everybody, also without a question", () => {
  const heard = [], model = fakeModel(), wire = new Wire(model, (body) => heard.push(body.push));
  model.answer({ push: "selection" }, []);
  assert.deepEqual(heard, ["selection"]);
  wire.close();
});
