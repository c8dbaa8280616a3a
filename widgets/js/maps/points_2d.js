/** Points without WebGL: written directly to pixels, so that a million points remain usable. */
import { CHANGED, FLAGGED, PASSES, SELECTED } from "./points_gl.js";
/** @import { Drawing } from "./points_gl.js" */

/** Offsets [dx, dy] of the pixels of a disc, in device pixels. @param {number} diameter */
export function disc(diameter) {
  const d = Math.max(1, Math.round(diameter));
  return pixels(d, (x, y) => x ** 2 + y ** 2 <= (d / 2) ** 2);
}

/** Offsets of the marks of changed (a diamond) and flagged points (a square). @param {number} diameter @param {string} kind */
export function mark(diameter, kind) {
  const d = Math.max(3, Math.round(diameter));
  return pixels(d, (x, y) => kind === "square" || Math.abs(x) + Math.abs(y) <= d / 2);
}

/**
 * Offsets of the pixels of a square of `d` that are inside a shape; `inside` gets their distances from the centre.
 * @param {number} d @param {(x: number, y: number) => boolean} inside
 */
function pixels(d, inside) {
  const half = (d - 1) / 2,
    out = [];
  for (let y = 0; y < d; y++)
    for (let x = 0; x < d; x++) if (inside(x - half, y - half)) out.push([x - Math.floor(half), y - Math.floor(half)]);
  return out;
}

/** @param {ArrayLike<number>} rgb */
const packed = (rgb) => (255 << 24) | (Math.round(rgb[2]) << 16) | (Math.round(rgb[1]) << 8) | Math.round(rgb[0]);

export class Points2D {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")); // a fresh canvas has one
    this.kind = "canvas2d";
    /** @type {() => void} */
    this.onrestored = () => {};
    this.n = 0;
    /** @type {Float32Array | null} */
    this.xy = null;
    /** @type {Uint8Array | null} */
    this.levels = null;
    /** @type {Uint8Array | null} */
    this.states = null;
    /** @type {Uint32Array | null} */
    this.table = null;
  }

  /** @param {Float32Array} xy */
  setPositions(xy) {
    this.xy = xy;
    this.n = xy.length >> 1;
  }
  /** @param {Uint8Array} levels */
  setLevels(levels) {
    this.levels = levels;
  }
  /** @param {Uint8Array} states */
  setStates(states) {
    this.states = states;
  }
  /** @param {Uint8Array} rgba */
  setTable(rgba) {
    this.table = new Uint32Array(256).map((_, i) => packed(rgba.subarray(4 * i, 4 * i + 3)));
  }
  touch() {
    /* arrays are shared, so nothing is sent */
  }

  /**
   * Layer of a point: 0 filtered out, 1 background, 2 coloured, 3 flagged, 4 changed.
   * @param {number} state @param {boolean} anySelected
   */
  layer(state, anySelected) {
    if (!(state & PASSES)) return 0;
    if (anySelected && !(state & SELECTED)) return 1;
    return state & CHANGED ? 4 : state & FLAGGED ? 3 : 2;
  }

  /** @param {Drawing} drawing */
  draw({ camera, size, rise = 0, grey, outline, anySelected, ratio }) {
    const {
      canvas: { width, height },
      context,
      xy,
      levels,
      states,
      table,
      n,
    } = this;
    if (!n || !xy || !levels || !states || !table) {
      context.clearRect(0, 0, width, height);
      return;
    }
    const image = context.createImageData(width, height),
      pixels = new Uint32Array(image.data.buffer);
    const wide = Math.max(1.5 * size, 5) * ratio,
      discs = [
        ...[0.6, 0.85, anySelected ? 1.25 : 1].map((factor) => disc(size * ratio * factor)),
        mark(wide * 0.8, "square"),
        mark(wide, "diamond"),
      ],
      cores = [[], [], [], mark(wide * 0.5, "square"), mark(wide * 0.6, "diamond")]; // of the marks
    const shown = new Uint8Array(rise ? width * height : 0); // suspicion of the point shown at each pixel
    const greyValue = packed(grey),
      edge = packed(outline),
      { k, tx, ty } = camera;
    for (let layer = anySelected ? 1 : 0; layer < 5; layer++) {
      for (let i = 0; i < n; i++) {
        if (this.layer(states[i], anySelected) !== layer) continue;
        const x = (((xy[2 * i] * k + tx + 1) / 2) * width) | 0,
          y = (((1 - (xy[2 * i + 1] * k + ty)) / 2) * height) | 0;
        if (!(x >= 9 && x < width - 9 && y >= 9 && y < height - 9)) continue;
        const fill = layer < 2 ? greyValue : table[levels[i]],
          weight = levels[i] > 253 ? 0 : rise > 0 ? levels[i] : 253 - levels[i];
        for (const [dx, dy] of discs[layer]) {
          const at = (y + dy) * width + x + dx;
          if (layer === 2 && rise) {
            if (shown[at] > weight) continue;
            shown[at] = weight;
          }
          pixels[at] = layer > 2 ? edge : fill;
        }
        if (layer > 2) for (const [dx, dy] of cores[layer]) pixels[(y + dy) * width + x + dx] = fill;
      }
    }
    context.putImageData(image, 0, 0);
  }

  destroy() {
    this.xy = this.levels = this.states = null;
  }
}
