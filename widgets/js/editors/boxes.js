/** The editor of boxes around objects. */
import { BoxEditor } from "../examples/boxeditor.js";

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "boxes",
  nothing: true,
  units: true,
  edits: {
    choose: "save what was drawn, choose the highlighted class, or save the note",
    nextMatch: "move the box down; next matching class",
    previousMatch: "move the box up; previous matching class",
    leave: "leave the editor and save what was drawn",
    moveLeft: "move the box left by a pixel (⇧ ten)",
    moveRight: "move the box right",
    draw: "draw new boxes everywhere",
    select: "move the box in focus; draw beside it",
    remove: "no box here",
    everywhere: "select all boxes of the class",
    nextObject: "next box",
    previousObject: "previous box",
    undoStroke: "undo the last stroke",
    redoStroke: "redo the stroke",
    larger: "larger picture (also with the wheel; hold Space and drag to pan)",
    smaller: "smaller picture",
    fit: "show the whole picture",
    corner: "grab the next corner for the arrows",
    narrower: "narrower by a pixel (⇧ ten)",
    wider: "wider by a pixel",
    lower: "less high by a pixel",
    higher: "higher by a pixel",
  },
  make: (options) => new BoxEditor(options, { one: "box", many: "boxes", point: false }),
};
