import assert from "node:assert/strict";
import test from "node:test";
import { arrayOf, countMask, extent, packMask, rowsOf, unpackMask } from "../../widgets/js/base/bits.js";

test("a mask packs as numpy does with bitorder little, and comes back", () => {
  const mask = Uint8Array.from([1, 0, 1, 1, 0, 0, 0, 0, 1, 1]);
  assert.deepEqual([...packMask(mask)], [0b00001101, 0b00000011]);
  assert.deepEqual(unpackMask(packMask(mask), 10), mask);
  assert.equal(packMask(new Uint8Array(0)).length, 0);
});

test("pack and unpack are inverse for every length", () => {
  for (let n = 0; n < 40; n++) {
    const mask = Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) % 3 === 0);
    assert.deepEqual(unpackMask(packMask(mask), n), mask);
  }
});

test("rows of a mask come in the order asked for", () => {
  assert.deepEqual([...rowsOf(Uint8Array.from([1, 0, 1, 1]), Int32Array.from([3, 1, 0, 2]))], [3, 0, 2]);
  assert.equal(countMask(Uint8Array.from([1, 0, 1])), 2);
});

test("extent ignores NaN and infinities", () => {
  assert.deepEqual(extent(Float32Array.from([NaN, 2, -1, Infinity])), [-1, 2]);
  assert.deepEqual(extent(Float32Array.from([NaN])), [0, 1]);
});

test("an unaligned buffer is copied", () => {
  const bytes = new Uint8Array(13);
  new DataView(bytes.buffer).setFloat32(5, 1.5, true);
  assert.equal(arrayOf(Float32Array, new DataView(bytes.buffer, 5, 4))[0], 1.5);
});
