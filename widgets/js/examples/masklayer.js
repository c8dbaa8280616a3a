/** A raster of class codes as an element, in the colours of the classes. */
import { context2d, h } from "../base/dom.js";
/** @import { Dirty, Raster } from "../base/rasters.js" */

/** Whether a class has no colour, which would cover the picture. @param {string} name */
export const isBackground = (name) => /^(background|bg|ground|void)$|_background_/i.test(name);

/** @param {Raster} raster @param {(code: number) => number[] | null} colorOf null for none */
export function layerOf(raster, colorOf) {
  const canvas = h("canvas", { width: raster.width, height: raster.height });
  refresh(canvas, raster, colorOf, [0, 0, raster.width, raster.height]);
  return canvas;
}

/** Draw a part of a raster again. @param {HTMLCanvasElement} canvas @param {Raster} raster @param {(code: number) => number[] | null} colorOf @param {Dirty} part */
export function refresh(canvas, raster, colorOf, [x0, y0, x1, y1]) {
  if (x1 <= x0 || y1 <= y0) return;
  const image = new ImageData(x1 - x0, y1 - y0),
    words = new Uint32Array(image.data.buffer),
    /** @type {Map<number, number>} */
    known = new Map();
  let at = 0;
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const code = raster.codes[y * raster.width + x];
      let word = known.get(code);
      if (word === undefined) {
        const color = colorOf(code);
        word = color ? ((255 << 24) | (color[2] << 16) | (color[1] << 8) | color[0]) >>> 0 : 0;
        known.set(code, word);
      }
      words[at++] = word;
    }
  context2d(canvas).putImageData(image, x0, y0);
}
