/** Points with WebGL2: static positions, one byte of colour and one of state per point, one draw call. */
/** @import { Rows } from "../base/bits.js" */

/** The program with its uniforms, buffers and texture. @param {WebGL2RenderingContext} gl */
function built(gl) {
  const program = linked(gl);
  const names = ["scale", "shift", "size", "alpha", "rise", "grey", "outline", "anySelected", "table"];
  const at = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
  const buffers = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
  const texture = gl.createTexture();
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  gl.enable(gl.DEPTH_TEST);
  gl.depthFunc(gl.LEQUAL);
  return { program, at, buffers, texture };
}

/**
 * @typedef {object} Drawing how points are drawn; colours are [r, g, b]
 * @property {import("../base/geometry.js").Camera} camera
 * @property {number} size diameter in CSS pixels
 * @property {number} alpha
 * @property {number} [rise] which end of the colours lies on top: 1, -1, or 0 for neither
 * @property {number[]} grey
 * @property {number[]} outline
 * @property {boolean} anySelected
 * @property {number} ratio device pixels per CSS pixel
 */

/** Bits of a point's state. */
export const PASSES = 1;
export const SELECTED = 2;
export const CHANGED = 4;
export const FLAGGED = 8;

/**
 * Depth determines the order from top to bottom: changed and flagged points (diamonds and squares), the suspicious end
 * of a score, other points, points that are not selected, points that are filtered out.
 */
const VERTEX = `#version 300 es
in vec2 place; in uint level; in uint state;
uniform vec2 scale, shift; uniform float size, alpha, rise; uniform vec3 grey; uniform bool anySelected; uniform sampler2D table;
out vec4 color; flat out float shape;
void main() {
  bool passes = (state & 1u) != 0u, lit = passes && (!anySelected || (state & 2u) != 0u);
  shape = lit && (state & 4u) != 0u ? 1.0 : lit && (state & 8u) != 0u ? 2.0 : 0.0;
  float known = level > 253u ? 0.0 : float(level) / 253.0, doubt = rise > 0.0 ? known : 1.0 - known;
  float over = shape > 0.0 ? 0.0 : rise == 0.0 ? 0.1 : 0.2 - 0.1 * doubt;
  gl_Position = vec4(place * scale + shift, lit ? over : passes ? 0.4 : 0.6, 1.0);
  if (!passes && anySelected) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  float big = shape > 0.0 ? max(1.5 * size, 5.0) : size * (anySelected ? 1.25 : 1.0);
  gl_PointSize = lit ? big : size * (passes ? 0.85 : 0.6);
  color = lit ? vec4(texelFetch(table, ivec2(int(level), 0), 0).rgb, alpha) : vec4(grey, passes ? alpha * 0.75 : alpha * 0.5);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 color; flat in float shape; uniform vec3 outline; out vec4 pixel;
void main() {
  vec2 d = abs(gl_PointCoord - 0.5);
  float r = shape < 0.5 ? length(d) : shape < 1.5 ? d.x + d.y : max(d.x, d.y) * 1.12;
  if (r > 0.5) discard;
  vec3 rgb = shape > 0.5 && r > 0.34 ? outline : color.rgb;
  float a = shape > 0.5 ? 1.0 : color.a;
  pixel = vec4(rgb * a, a);
}`;

/** @param {WebGL2RenderingContext} gl @param {number} kind @param {string} source */
function compiled(gl, kind, source) {
  const shader = gl.createShader(kind);
  if (!shader) throw new Error("the context is lost");
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) || "shader");
  return shader;
}

/** @param {WebGL2RenderingContext} gl */
function linked(gl) {
  const program = gl.createProgram();
  if (!program) throw new Error("the context is lost");
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  ["place", "level", "state"].forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "program");
  return program;
}

export class PointsGL {
  /**
   * @returns {PointsGL|null} null without WebGL2
   * @param {HTMLCanvasElement} canvas
   */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, depth: true });
    if (!gl) return null;
    try {
      return new PointsGL(canvas, gl);
    } catch {
      return null;
    }
  }

  /** @param {HTMLCanvasElement} canvas @param {WebGL2RenderingContext} gl */
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    this.kind = "webgl2";
    /** @type {() => void} */
    this.onrestored = () => {};
    this.n = 0;
    /** @type {{ positions?: Float32Array<ArrayBuffer>, levels?: Uint8Array<ArrayBuffer>, states?: Uint8Array<ArrayBuffer>, table?: Uint8Array }} */
    this.kept = {};
    this.parts = built(gl);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.parts = built(gl);
      this.again();
      this.onrestored();
    });
  }

  again() {
    const { positions, levels, states, table } = this.kept;
    if (positions) this.setPositions(positions);
    if (levels) this.setLevels(levels);
    if (states) this.setStates(states);
    if (table) this.setTable(table);
  }

  /** @param {number} index @param {ArrayBufferView<ArrayBuffer>} data @param {number} usage */
  upload(index, data, usage) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[index]);
    gl.bufferData(gl.ARRAY_BUFFER, data, usage);
  }

  /** @param {Float32Array<ArrayBuffer>} xy */
  setPositions(xy) {
    this.kept.positions = xy;
    this.n = xy.length >> 1;
    this.upload(0, xy, this.gl.STATIC_DRAW);
  }
  /** @param {Uint8Array<ArrayBuffer>} levels */
  setLevels(levels) {
    this.kept.levels = levels;
    this.upload(1, levels, this.gl.DYNAMIC_DRAW);
  }
  /** @param {Uint8Array<ArrayBuffer>} states */
  setStates(states) {
    this.kept.states = states;
    this.upload(2, states, this.gl.DYNAMIC_DRAW);
  }

  /**
   * Send single points again after `levels` or `states` were changed in place.
   * @param {"levels"|"states"} which @param {Rows} rows
   */
  touch(which, rows) {
    const { gl } = this,
      data = which === "levels" ? this.kept.levels : this.kept.states;
    if (!data) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[which === "levels" ? 1 : 2]);
    for (const row of rows) gl.bufferSubData(gl.ARRAY_BUFFER, row, data, row, 1);
  }

  /** @param {Uint8Array} rgba */
  setTable(rgba) {
    const { gl } = this;
    this.kept.table = rgba;
    gl.bindTexture(gl.TEXTURE_2D, this.parts.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
    for (const p of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, p, gl.NEAREST);
  }

  /** @param {Drawing} drawing */
  draw({ camera, size, alpha, rise = 0, grey, outline, anySelected, ratio }) {
    const { gl, canvas } = this,
      { at } = this.parts;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!this.n || !this.kept.levels || !this.kept.states || !this.kept.table) return;
    gl.useProgram(this.parts.program);
    gl.uniform2f(at.scale, camera.k, camera.k);
    gl.uniform2f(at.shift, camera.tx, camera.ty);
    gl.uniform1f(at.size, size * ratio);
    gl.uniform1f(at.alpha, alpha);
    gl.uniform1f(at.rise, rise);
    gl.uniform3fv(at.grey, grey.map((v) => v / 255));
    gl.uniform3fv(at.outline, outline.map((v) => v / 255));
    gl.uniform1i(at.anySelected, anySelected ? 1 : 0);
    gl.uniform1i(at.table, 0);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.parts.texture);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[0]);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    for (const i of [1, 2]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[i]);
      gl.enableVertexAttribArray(i);
      gl.vertexAttribIPointer(i, 1, gl.UNSIGNED_BYTE, 0, 0);
    }
    gl.drawArrays(gl.POINTS, 0, this.n);
  }

  destroy() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.kept = {};
  }
}
