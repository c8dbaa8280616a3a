/** The look of the view (filters, colour, cameras, epochs): tracked here, sent to Python, and restored as a whole. */
import { cameraAt, centreOf } from "../base/geometry.js";
/** @import { Explorer } from "../main.js" */

/** Maps whose cameras are stored, in the order of `view.maps`. */
const CAMERAS = ["data map", "embedding map"];
/** Time without movement after which a moved camera or brush counts as one change, ms. */
const REST = 200;

/** @param {import("../main.js").Explorer} view */
export function lookFeature(view) {
  const { store, registry, model } = view;
  const moved = afterRest(REST, () => store.setLook({ cameras: camerasOf(view.maps) }));
  view.maps.slice(0, CAMERAS.length).forEach((map) => (map.onCamera = moved));
  /** @type {Set<keyof import("./store.js").Look>} */
  const changed = new Set();
  const tell = afterRest(REST, () => {
    for (const name of changed) model.set(name, store.look[name]);
    changed.clear();
    model.save_changes();
  });
  store.on("look", ({ part }) => {
    for (const name of /** @type {(keyof import("./store.js").Look)[]} */ (Object.keys(part))) changed.add(name);
    tell();
  });
  registry.onTrait("color_by", (color_by) => view.showLook({ color_by }));
  registry.onTrait("filters", (filters) => view.showLook({ filters: filters || {} }));
  registry.onTrait("cameras", (cameras) => view.showLook({ cameras: cameras || {} }));
  registry.onTrait("epochs", (epochs) => view.showLook({ epochs: epochs || {} }));
  registry.on("start", () => view.showLook({ cameras: model.get("cameras") || {}, epochs: model.get("epochs") || {} }));
  registry.onEnd(() => [moved, tell].forEach((one) => one.cancel()));
  view.showLook = (look) => showLook(view, look);
}

/** Apply a look to the view; missing parts do not change. @param {Explorer} view @param {import("./messages.js").ShownParts} options */
async function showLook(view, { filters, color_by, cameras, epochs }) {
  const { store, maps } = view;
  if (color_by && color_by !== view.paint.by) await view.colorBy(color_by);
  if (cameras && JSON.stringify(cameras) !== JSON.stringify(camerasOf(maps))) {
    CAMERAS.forEach((name, i) => maps[i].setCamera(cameraAt(cameras[name])));
    store.setLook({ cameras });
  }
  if (epochs && JSON.stringify(epochs) !== JSON.stringify(store.look.epochs)) {
    for (const line of view.timelines) line.goTo(epochs[line.name]);
    store.setLook({ epochs });
  }
  if (filters && JSON.stringify(filters) !== JSON.stringify(view.filters.state())) await view.filters.restore(filters);
}

/** @param {import("../maps/map.js").PointMap[]} maps */
function camerasOf(maps) {
  const pairs = CAMERAS.map((name, i) => [name, centreOf(maps[i].camera)]);
  return Object.fromEntries(pairs.filter(([, centre]) => centre));
}

/** Debounce: a function that runs after no call has been made for `ms`. @param {number} ms @param {() => void} run */
export function afterRest(ms, run) {
  let timer = 0;
  const call = () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}
