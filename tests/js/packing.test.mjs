import assert from "node:assert/strict";
import test from "node:test";
import { unpackedArrays } from "../../widgets/js/base/packing.js";

const bytes = (array) => new DataView(array.buffer);

test("what need not be sent is made here: one value, row numbers, a repeated array", () => {
  const found = unpackedArrays(
    [
      { name: "p", type: "f4", length: 2, fill: null },
      { name: "verdict", type: "u1", length: 2, fill: 0 },
      { name: "order", type: "i4", length: 4, rows: true },
      { name: "queue", type: "i4", length: 2, like: "order" },
    ],
    [],
  );
  assert.deepEqual(found.p, Float32Array.of(NaN, NaN));
  assert.deepEqual(found.verdict, Uint8Array.of(0, 0));
  assert.deepEqual(found.order, Int32Array.of(0, 1, 2, 3));
  assert.deepEqual(found.queue, Int32Array.of(0, 1));
});

test("a repeated array is a copy: relabelling leaves the given labels alone", () => {
  const specs = [
    { name: "given", type: "i4", length: 2, buffer: 0, sent: "u1", less: 0 },
    { name: "labels", type: "i4", length: 2, like: "given" },
  ];
  const { given, labels } = unpackedArrays(specs, [bytes(Uint8Array.of(7, 8))]);
  labels[0] = 1;
  assert.deepEqual(given, Int32Array.of(7, 8));
});

test("narrow bytes widen, and -1 comes back", () => {
  const specs = [
    { name: "a", type: "i4", length: 3, buffer: 1, sent: "u1", less: 1 },
    { name: "b", type: "i4", length: 2, buffer: 2, sent: "u2", less: 0 },
    { name: "c", type: "f4", length: 2, buffer: 0 },
  ];
  const buffers = [bytes(Float32Array.of(0.5, NaN)), bytes(Uint8Array.of(0, 1, 255)), bytes(Uint16Array.of(300, 65535))];
  const { a, b, c } = unpackedArrays(specs, buffers);
  assert.deepEqual(a, Int32Array.of(-1, 0, 254));
  assert.deepEqual(b, Int32Array.of(300, 65535));
  assert.deepEqual(c, Float32Array.of(0.5, NaN));
});
