/** The same points without WebGL: written straight into pixels, so a million stay usable. */
import { CHANGED, PASSES, SELECTED } from "./points_gl.js";

/** Offsets [dx, dy] of the pixels of a disc of a diameter, in device pixels. */
export function disc(diameter) {
  const d = Math.max(1, Math.round(diameter)),
    half = (d - 1) / 2,
    out = [];
  for (let y = 0; y < d; y++)
    for (let x = 0; x < d; x++) {
      if ((x - half) ** 2 + (y - half) ** 2 <= (d / 2) ** 2) out.push([x - Math.floor(half), y - Math.floor(half)]);
    }
  return out;
}

const packed = (rgb) => (255 << 24) | (Math.round(rgb[2]) << 16) | (Math.round(rgb[1]) << 8) | Math.round(rgb[0]);

export class Points2D {
  constructor(canvas) {
    Object.assign(this, { canvas, context: canvas.getContext("2d"), n: 0, kind: "canvas2d" });
  }

  setPositions(xy) {
    this.xy = xy;
    this.n = xy.length >> 1;
  }
  setLevels(levels) {
    this.levels = levels;
  }
  setStates(states) {
    this.states = states;
  }
  setTable(rgba) {
    this.table = new Uint32Array(256).map((_, i) => packed(rgba.subarray(4 * i, 4 * i + 3)));
  }
  touch() {
    /* arrays are shared: nothing to send */
  }

  /** 0 filtered out, 1 in the background, 2 coloured, 3 coloured and changed. */
  layer(state, anySelected) {
    if (!(state & PASSES)) return 0;
    if (anySelected && !(state & SELECTED)) return 1;
    return state & CHANGED ? 3 : 2;
  }

  draw({ camera, size, grey, outline, anySelected, ratio }) {
    const {
      canvas: { width, height },
      context,
      xy,
      levels,
      states,
      table,
      n,
    } = this;
    if (!n || !levels || !states || !table) {
      context.clearRect(0, 0, width, height);
      return;
    }
    const image = context.createImageData(width, height),
      pixels = new Uint32Array(image.data.buffer);
    const discs = [0.6, 0.85, 1, 1.25].map((f) => disc(size * ratio * f)),
      core = disc(size * ratio * 0.8);
    const greyValue = packed(grey),
      edge = packed(outline),
      { k, tx, ty } = camera;
    for (let layer = anySelected ? 1 : 0; layer < 4; layer++) {
      for (let i = 0; i < n; i++) {
        if (this.layer(states[i], anySelected) !== layer) continue;
        const x = (((xy[2 * i] * k + tx + 1) / 2) * width) | 0,
          y = (((1 - (xy[2 * i + 1] * k + ty)) / 2) * height) | 0;
        if (!(x >= 4 && x < width - 4 && y >= 4 && y < height - 4)) continue;
        const fill = layer < 2 ? greyValue : table[levels[i]];
        for (const [dx, dy] of discs[layer]) pixels[(y + dy) * width + x + dx] = layer === 3 ? edge : fill;
        if (layer === 3) for (const [dx, dy] of core) pixels[(y + dy) * width + x + dx] = fill;
      }
    }
    context.putImageData(image, 0, 0);
  }

  destroy() {
    this.xy = this.levels = this.states = null;
  }
}
