/** Evidence that is asked for after the first picture: lenses, the estimate by class, matrices. */
import { ClassTable } from "./classes.js";
import { MatrixPanel } from "./matrix.js";

/** Up to this many examples the lenses are looked for at once, beyond it when their menu is opened. */
const SOON = 200_000;

/** @param {import("./main.js").Explorer} view */
export function evidenceFeature(view) {
  const { store, paint, theme, wire, fail, registry } = view;
  const select = (test, name) => {
    const mask = new Uint8Array(store.n);
    for (let i = 0; i < store.n; i++) mask[i] = test(i) ? 1 : 0;
    view.lens(mask, name);
  };
  const classes = new ClassTable({ store, paint, wire, select, fail }),
    matrix = new MatrixPanel({ store, paint, theme, wire, select, fail });
  if (!view.kind.units) {
    // examples with several labels have no single class
    view.addTab("classes", classes.el, () => classes.draw());
    view.addTab("matrix", matrix.el, () => matrix.draw());
  }
  let asked = false;
  const lenses = () => {
    if (!asked) fetchLenses(view);
    asked = true;
  };
  if (view.kind.units) {
    view.head.lens.parentElement.hidden = true; // slices are of classes
    return;
  }
  if (store.n <= SOON) registry.on("start", lenses);
  view.head.lens.addEventListener("focus", lenses);
}

/** Lenses that rest on evidence; duplicates may take a while the first time. */
async function fetchLenses({ store, wire, head, fail }) {
  try {
    const { body } = await wire.ask("lenses");
    store.lenses = body.lenses;
    head.fillLenses();
  } catch (error) {
    fail(error);
  }
}
