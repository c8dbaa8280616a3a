/** A node with its linked nodes and the links between these: positions and drawing. */
import { hex } from "../base/color.js";
/** @import { Theme } from "../base/color.js" */

/**
 * Positions of `n` nodes on a circle around the middle of a picture, clockwise from the top.
 * @param {number} n @param {number} width @param {number} height @param {number} margin
 * @returns {[number, number][]}
 */
export function placesAround(n, width, height, margin) {
  const across = width / 2 - margin,
    up = height / 2 - margin;
  return Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * i) / n;
    return [width / 2 + across * Math.sin(angle), height / 2 - up * Math.cos(angle)];
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{ center: any, around: any[], between: number[][], theme: Theme }} node colours of the node and of its
 *   linked nodes, and pairs of indices into these
 */
export function drawEgo(canvas, { center, around: colors, between, theme }) {
  const ratio = window.devicePixelRatio || 1,
    width = canvas.clientWidth || 220,
    height = canvas.clientHeight || 84;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const places = placesAround(colors.length, width, height, 9),
    middle = /** @type {[number, number]} */ ([width / 2, height / 2]);
  /** @param {number[]} from @param {number[]} to @param {string} color */
  const line = (from, to, color) => {
    context.strokeStyle = color;
    context.beginPath();
    context.moveTo(from[0], from[1]);
    context.lineTo(to[0], to[1]);
    context.stroke();
  };
  context.lineWidth = 1;
  for (const [one, other] of between) line(places[one], places[other], hex(theme.line));
  for (const place of places) line(middle, place, hex(theme.quiet));
  /** @param {number[]} options @param {number[]} color @param {number} radius */
  const dot = ([x, y], color, radius) => {
    context.fillStyle = hex(color);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  };
  places.forEach((place, i) => dot(place, colors[i], 5));
  dot(middle, center, 7);
}
