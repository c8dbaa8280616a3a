/** The editor of points on objects. */
import { BoxEditor } from "../examples/boxeditor.js";

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "points",
  nothing: true,
  units: true,
  edits: {
    choose: "save what was drawn, choose the highlighted class, or save the note",
    nextMatch: "move the point down; next matching class",
    previousMatch: "move the point up; previous matching class",
    leave: "leave the editor and save what was drawn",
    moveLeft: "move the point left by a pixel (⇧ ten)",
    moveRight: "move the point right",
    draw: "draw new points everywhere",
    select: "move the point in focus; draw beside it",
    remove: "no point here",
    everywhere: "select all points of the class",
    nextObject: "next point",
    previousObject: "previous point",
    undoStroke: "undo the last stroke",
    redoStroke: "redo the stroke",
    larger: "larger picture (also with the wheel; hold Space and drag to pan)",
    smaller: "smaller picture",
    fit: "show the whole picture",
  },
  make: (options) => new BoxEditor(options, { one: "point", many: "points", point: true }),
};
