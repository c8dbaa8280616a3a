/** Original pixels and tiles of pictures, requested from Python; originals of a few examples are kept. */
/** @import { PictureAnswer } from "../state/messages.js" */
/** @import { Pixels } from "../base/imagestage.js" */

/** Number of original pictures kept in memory. */
const ORIGINALS_KEPT = 6;

/** @typedef {PictureAnswer & { url: string }} Original with the URL of its pixels */

export class Pictures {
  /** @type {Map<number, Original>} */
  kept = new Map();

  /** @param {import("../state/wire.js").Wire} wire */
  constructor(wire) {
    this.wire = wire;
  }

  /** The picture of a row in its own pixels. @param {number} row */
  async fetch(row) {
    const known = this.kept.get(row);
    if (known) return known;
    const { body, buffers } = await this.wire.ask("picture", { row });
    const made = { ...body, url: URL.createObjectURL(new Blob([buffers[0]], { type: body.mime })) };
    this.kept.set(row, made);
    for (const [oldest, { url }] of this.kept) {
      if (this.kept.size <= ORIGINALS_KEPT) break;
      URL.revokeObjectURL(url);
      this.kept.delete(oldest);
    }
    return made;
  }

  /** @param {number} row @returns {Promise<Pixels>} */
  async original(row) {
    const { url } = await this.fetch(row),
      image = new Image();
    image.src = url;
    await image.decode();
    return { image, width: image.naturalWidth };
  }

  /** @param {number} row @param {number} level @param {number} x @param {number} y @returns {Promise<Pixels>} */
  async tile(row, level, x, y) {
    const { body, buffers } = await this.wire.ask("tile", { row, level, x, y });
    const image = await createImageBitmap(new Blob([buffers[0]], { type: body.mime }));
    return { image, width: image.width };
  }

  /** A part of the mask of a row in all its pixels, with the decisions. @param {number} row @param {number[]} box x0, y0, x1, y1 */
  async mask(row, box) {
    return (await this.wire.ask("mask_part", { row, box })).body;
  }

  destroy() {
    for (const { url } of this.kept.values()) URL.revokeObjectURL(url);
    this.kept.clear();
  }
}
