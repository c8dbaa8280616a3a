/** The editor of objects with masks. */
import { InstanceEditor } from "../examples/instanceeditor.js";

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "instances",
  nothing: true,
  units: true,
  edits: {
    choose: "save what was painted, choose the highlighted class, or save the note",
    nextMatch: "move the instance down; next matching class",
    previousMatch: "move the instance up; previous matching class",
    leave: "leave the editor and save what was painted",
    moveLeft: "move the instance left by a pixel (⇧ ten)",
    moveRight: "move the instance right",
    lasso: "lasso: add what it encloses; Alt takes it away",
    brush: "brush: add pixels; Alt takes them away",
    erase: "eraser",
    thinner: "thinner brush",
    thicker: "thicker brush",
    draw: "draw new instances",
    select: "change the instance in focus",
    remove: "no instance here",
    everywhere: "select all instances of the class",
    fainter: "fainter masks",
    stronger: "stronger masks",
    nextObject: "next instance",
    previousObject: "previous instance",
    undoStroke: "undo the last stroke",
    redoStroke: "redo the stroke",
    larger: "larger picture (also with the wheel; hold Space and drag to pan)",
    smaller: "smaller picture",
    fit: "show the whole picture",
  },
  make: (options) => new InstanceEditor(options),
};
