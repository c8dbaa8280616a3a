import assert from "node:assert/strict";
import { test } from "node:test";
import { SavedModel } from "../../widgets/js/saved_page.js";

const facts = {
  traits: { color_by: "p_error" },
  answers: {
    '["open"]': { body: { n: 2 }, at: [] },
    '["column", "a"]': { body: { type: "u1" }, at: [[4, 2]] },
  },
  items: { 0: { row: 0, id: "x", text: "known" } },
  details: { 0: { row: 0, id: "x", neighbors: { rows: [0, 1], items: [] } } },
  ids: ["x", "y"],
  missing: "not part of this saved page",
};
const block = Uint8Array.from([0, 0, 0, 0, 7, 9, 0, 0]).buffer;

function asked(body, facts_ = facts) {
  return new Promise((resolve) => {
    const model = new SavedModel(facts_, block);
    model.on("msg:custom", (answer, buffers) => answer.request && resolve({ answer, buffers }));
    model.send({ ...body, request: "r1" });
  });
}

test("an answer carries the number of its question and its own bytes", async () => {
  const { answer, buffers } = await asked({ kind: "column", name: "a" });
  assert.equal(answer.request, "r1");
  assert.deepEqual([buffers[0].getUint8(0), buffers[0].getUint8(1), buffers[0].byteLength], [7, 9, 2]);
});

test("what was not saved is an error that says so, never silence", async () => {
  const { answer } = await asked({ kind: "decide", rows: [0], op: "keep" });
  assert.match(answer.error, /not part of this saved page/);
});

test("examples without details have their name and a word", async () => {
  const known = (await asked({ kind: "inspect", row: 0 })).answer;
  assert.deepEqual(known.neighbors.items.map((item) => item.text ?? item.error), ["known", facts.missing]);
  const other = (await asked({ kind: "inspect", row: 1 })).answer;
  assert.equal(other.id, "y");
  assert.match(other.reasons[0], /not part of/);
});

test("the selection follows the opening", async () => {
  const pushed = await new Promise((resolve) => {
    const model = new SavedModel({ ...facts, selection: [4, 1] }, block);
    model.on("msg:custom", (answer, buffers) => answer.push && resolve([answer.push, buffers[0].getUint8(0)]));
    model.send({ kind: "open", request: "r1" });
  });
  assert.deepEqual(pushed, ["selection", 7]);
});
