/** Outlines of given boxes: polygons, rotated boxes and regions as paths in pixels of the picture. */
import { borderOf } from "../base/rasters.js";
/** @import { Place } from "../base/zoom.js" */
/** @import { UnitInfo } from "../state/messages.js" */

/** @param {UnitInfo} unit */
export function shapeOf({ outline, region }) {
  const path = new Path2D();
  for (const polygon of outline ?? []) {
    path.moveTo(polygon[0], polygon[1]);
    for (let at = 2; at < polygon.length; at += 2) path.lineTo(polygon[at], polygon[at + 1]);
    path.closePath();
  }
  const [y0, x0, height, width, counts] = region ?? [];
  for (const [ax, ay, bx, by] of region ? borderOf({ y0, x0, height, width, counts }) : []) {
    path.moveTo(ax, ay);
    path.lineTo(bx, by);
  }
  return path;
}

/** @param {CanvasRenderingContext2D} context @param {Path2D} path @param {Place} place of the picture @param {string} color @param {number} width in screen pixels */
export function strokeShape(context, path, { x, y, k }, color, width) {
  context.save();
  context.translate(x, y);
  context.scale(k, k);
  for (const [ink, line] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.55)", width + 1.5], [color, width]])) {
    context.strokeStyle = ink;
    context.lineWidth = line / k;
    context.stroke(path);
  }
  context.restore();
}
