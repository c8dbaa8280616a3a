/** Review by keyboard: the actions of the keymap, and the orders of the queue. */
import { arrayOf } from "../base/bits.js";
import { count } from "../base/format.js";
import { emptyQueue, ORDERS } from "../state/orders.js";
/** @import { Explorer } from "../main.js" */
/** @import { Store } from "../state/store.js" */

const BLIND = "blind: everything that reveals the suggestion is hidden until you choose";
/** Orders that reveal how suspicious an example is. */
const BY_DOUBT = /^(suspicion|pairs|column|missing tag .*|wrong tag .*|kind: .*)$/s;

/** @param {import("../main.js").Explorer} view */
export function reviewFeature(view) {
  const { store, actions, inspector, registry, bulk, say } = view;
  const acts = {
    accept: () => (store.hides(store.row) ? say("the suggestion is hidden until you choose", "warn") : inspector.editor.accept()),
    keep: () => inspector.editor.keep(),
    confirmAll: () => inspector.confirmAll(),
    nothing: () => inspector.editor.nothing?.(),
    unknown: () => inspector.editor.unknown?.(),
    nextUnit: () => inspector.editor.step?.(1),
    previousUnit: () => inspector.editor.step?.(-1),
    skip: () => actions.skip(),
    flag: () => actions.flag(),
    undo: () => actions.undo(),
    redo: () => actions.redo(),
    next: () => store.step(1),
    previous: () => store.step(-1),
    type: () => inspector.openEditor(true),
    edit: () => inspector.openEditor(),
    note: () => inspector.openNote(),
    neighbors: () => selectNeighbors(view),
    hide: () => toggleBlind(view),
    clear: () => store.clearSelection(),
  };
  for (const [name, act] of Object.entries(acts)) registry.onAction(name, act);
  registry.onEscape(() => {
    const open = inspector.editing;
    inspector.closeEditor();
    return open;
  });
  store.on("list", () => {
    if (store.list === "selection") store.goTo(store.firstOpen("selection"));
  });
  registry.onPush("queue", ({ by, unit }, buffers) => {
    bulk.rebase(by);
    takeQueue(store, buffers[0], unit, by);
  });
  bulk.onReorder = (name) => reorder(view, name);
}

/** @param {Store} store @param {DataView<ArrayBuffer>} buffer @param {string} unit @param {string} order */
function takeQueue(store, buffer, unit, order) {
  store.setQueue(arrayOf(Int32Array, buffer), unit, order);
  store.goTo(store.firstOpen("queue"));
}

/**
 * Request the queue in another order from Python; "column" orders by the column that colours the points.
 * @param {Explorer} view @param {string} name
 */
async function reorder(view, name) {
  const { store, wire, paint, say, fail } = view;
  try {
    const by = name === "column" ? paint.by : name;
    if (name === "column" && store.columns.get(by)?.kind !== "number") {
      say("colour by a score first", "warn");
      return;
    }
    say("ordering the queue…", "quiet");
    const { body, buffers } = await wire.ask("queue", { by });
    store.emptyBecause = body.why || "";
    takeQueue(store, buffers[0], body.unit, by);
    if ((name === "again" || name === "swapped") && body.count && !store.blind) toggleBlind(view);
    const words = body.unit ? `of the ${by}` : Object.hasOwn(ORDERS, name) && name !== "column" ? ORDERS[name] : `by ${by}`;
    say(body.count ? `queue ${words}: ${count(body.count)}` : `queue ${words}: empty. ${body.why || emptyQueue(store, name)}`);
  } catch (error) {
    fail(error);
  }
}

/** @param {Explorer} view */
function selectNeighbors({ store, say }) {
  const near = store.neighborsOf;
  if (!near || near.row !== store.row || !near.rows.length) {
    say("no neighbours for this example", "warn");
    return;
  }
  const mask = new Uint8Array(store.n);
  for (const row of [store.row, ...near.rows]) mask[row] = 1;
  const { row } = store;
  store.setSelection(mask);
  store.goTo(row);
  say(`${near.rows.length} neighbours selected`);
}

/**
 * Blind mode hides the evidence on an example until it is judged: suggestion, probabilities, neighbours' labels, colours.
 * @param {Explorer} view
 */
function toggleBlind(view) {
  const { store, inspector, gallery, bulk, paint, say } = view;
  store.blind = !store.blind;
  say(!store.blind ? "suggestions shown" : BY_DOUBT.test(bulk.order.value) ? `${BLIND}; the order still reveals it: choose “in random order”` : BLIND);
  view.colorBy(paint.by);
  inspector.blindChanged();
  gallery.redraw();
  bulk.show();
  view.maps.forEach((map) => map.redrawOver());
  view.registry.run("blind");
}
