/** The page's layout: once at the start, then at each change of size, and when a hidden view is shown again. */
import assert from "node:assert/strict";
import test from "node:test";

import { Registry } from "../../widgets/js/base/registry.js";
import { pageFeature } from "../../widgets/js/page.js";

class Watcher {
  observe() {}
  disconnect() {}
}

/** A view of one map; `said()` is what a ResizeObserver reports, `count()` how often the view was laid out. */
function opened() {
  let layouts = 0;
  /** @type {(() => void)[]} */
  const reports = [];
  Object.assign(globalThis, {
    window: {},
    document: {},
    IntersectionObserver: Watcher,
    MutationObserver: Watcher,
    ResizeObserver: class extends Watcher {
      /** @param {() => void} report */
      constructor(report) {
        super();
        reports.push(report);
      }
    },
  });
  const root = { clientWidth: 1200, clientHeight: 800, dataset: {}, style: { setProperty() {} } };
  const stage = { clientWidth: 400, clientHeight: 300 };
  const nothing = () => {};
  const view = {
    root,
    registry: new Registry(),
    maps: [{ stage, resize: () => layouts++ }],
    gallery: { resize: nothing },
    side: { refresh: nothing },
    inspector: { redrawCurve: nothing },
    head: {},
  };
  pageFeature(/** @type {any} */ (view));
  view.registry.run("start");
  return { root, stage, said: () => reports.forEach((report) => report()), count: () => layouts };
}

test("a view is laid out once at the start, although its observer reports the first sizes", () => {
  const { root, stage, said, count } = opened();
  assert.equal(count(), 1);
  said();
  assert.equal(count(), 1);
  stage.clientHeight = 310;
  said();
  root.clientWidth = 700;
  said();
  assert.equal(count(), 3);
  assert.equal(/** @type {any} */ (root.dataset).layout, "narrow");
});

test("a view that was hidden is laid out again when it is shown with the same sizes", () => {
  const { root, said, count } = opened();
  root.clientWidth = 0;
  said();
  assert.equal(count(), 1);
  root.clientWidth = 1200;
  said();
  assert.equal(count(), 2);
});
