/** The editor of semantic masks. */
import { MaskEditor } from "../examples/maskeditor.js";

/** @type {import("../editors.js").Kind} */
export const editor = {
  task: "masks",
  nothing: true,
  units: true,
  edits: {
    choose: "save what was painted, choose the highlighted class, or save the note",
    nextMatch: "next matching class",
    previousMatch: "previous matching class",
    leave: "leave the editor and save what was painted",
    brush: "brush; a digit or / sets its class, Alt erases",
    erase: "eraser: leaves the background, or pixels to ignore",
    lasso: "lasso: fill an outline; Alt subtracts",
    thinner: "thinner brush",
    thicker: "thicker brush",
    remove: "paint pixels to ignore",
    fainter: "fainter mask",
    stronger: "stronger mask",
    swipe: "right of the mouse, the mask with all open suggestions",
    nextObject: "next region",
    previousObject: "previous region",
    undoStroke: "undo the last stroke of the brush",
    redoStroke: "redo the stroke",
    larger: "larger picture (also with the wheel)",
    smaller: "smaller picture",
    fit: "show the whole mask",
  },
  make: (options) => new MaskEditor(options),
};
