/** Evidence that is requested after the first rendering: slices, estimates by class, matrices. */
import { ClassTable } from "./classes.js";
import { MatrixPanel } from "./matrix.js";
/** @import { Explorer } from "../main.js" */

/** Maximum number of examples for which slices are computed at once; with more, when their menu is opened. */
const SOON = 200_000;

/** @param {import("../main.js").Explorer} view */
export function evidenceFeature(view) {
  const { store, paint, theme, wire, fail, registry } = view;
  /** @param {(row: number) => unknown} test @param {string} name */
  const select = (test, name) => {
    const mask = new Uint8Array(store.n);
    for (let i = 0; i < store.n; i++) mask[i] = test(i) ? 1 : 0;
    view.showSlice(mask, name);
  };
  const classes = new ClassTable({ store, paint, wire, select }),
    matrix = new MatrixPanel({ store, paint, theme, wire, select, fail });
  if (!view.kind.units) {
    // examples with several labels have no single class
    view.addTab("classes", classes.el, () => classes.draw());
    view.addTab("matrix", matrix.el, () => matrix.draw());
  }
  let asked = false;
  const load = () => {
    if (!asked) fetchSlices(view);
    asked = true;
  };
  if (view.kind.units) {
    view.head.slicing.hidden = true; // slices are of classes
    return;
  }
  if (store.n <= SOON) registry.on("start", load);
  view.head.slices.addEventListener("focus", load);
}

/** Slices that need evidence; duplicates may take a while the first time. @param {Explorer} view */
async function fetchSlices({ store, wire, head, fail }) {
  try {
    const { body } = await wire.ask("slices");
    store.slices = body.slices;
    head.fillSlices();
  } catch (error) {
    fail(error);
  }
}
