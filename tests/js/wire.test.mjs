import assert from "node:assert/strict";
import test from "node:test";
import { Wire } from "../../widgets/js/state/wire.js";

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

test("a change that got lost is sent again when a later question was answered, with the turn it had", async () => {
  const model = fakeModel(), wire = new Wire(model, () => {});
  const lost = wire.ask("decide", { op: "keep" }, ["labels"]), undo = wire.ask("undo"), look = wire.ask("inspect");
  const [first, second, third] = model.sent.map(({ body }) => body);
  assert.deepEqual([first.turn, second.turn, third.turn], [1, 2, undefined]);
  assert.equal(model.sent.length, 3, "nothing is sent twice as long as nothing is answered");
  model.answer({ request: third.request }, []);
  await look;
  assert.deepEqual(model.sent.slice(3), [{ body: first, buffers: ["labels"] }, { body: second, buffers: [] }]);
  const again = wire.ask("inspect");
  model.answer({ request: first.request }, []);
  model.answer({ request: second.request }, []);
  model.answer({ request: model.sent[5].body.request }, []);
  await Promise.all([lost, undo, again]);
  assert.equal(model.sent.length, 6);
  wire.close();
});

test("while a change waits, a question is asked now and then, less and less often", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const model = fakeModel(), wire = new Wire(model, () => {});
  let asked = 0;
  wire.onSilence = () => asked++;
  wire.ask("inspect");
  t.mock.timers.tick(60_000);
  assert.equal(asked, 0, "only for what would be lost");
  wire.ask("decide");
  t.mock.timers.tick(10_000);
  assert.equal(asked, 1);
  t.mock.timers.tick(600_000);
  assert.ok(asked > 4 && asked < 10, String(asked));
  wire.close();
});
