/** Messages to and from Python: selection, queue, current example, decisions. */
import { arrayOf, packMask, unpackMask } from "../base/bits.js";
import { patchOf } from "./store.js";
/** @import { Explorer } from "../main.js" */
/** @import { Store } from "./store.js" */

/** Delay before the current example is sent to Python, ms; avoids a message per step while an arrow key is held. */
const TELL_PAUSE = 150;

/** @param {import("../main.js").Explorer} view */
export function newsFeature(view) {
  const { store, registry } = view;
  hear(view);
  store.on("selection", ({ from }) => {
    if (from !== "python") tellSelection(view);
  });
  let timer = 0;
  store.on("cursor", () => {
    clearTimeout(timer);
    timer = setTimeout(() => view.wire.ask("current", { row: store.row }).catch(() => {}), TELL_PAUSE); // nothing depends on it
  });
  registry.onEnd(() => clearTimeout(timer));
}

/** Handle updates that any answer may contain, and messages that Python sends unasked. @param {Explorer} view */
function hear(view) {
  const { store, registry } = view;
  registry.onPush("selection", (_, buffers) =>
    store.setSelection(unpackMask(arrayOf(Uint8Array, buffers[0]), store.n), { from: "python" }),
  );
  registry.onPush("go", (body) => store.goTo(body.row));
  registry.onPush("error", (body) => view.say(body.text, "error"));
  registry.onPush("reopen", () => setTimeout(view.again));
  registry.onPush("decided", (body) => store.setSaved(body.time));
}

/**
 * Apply the state of rows contained in any message from Python.
 * @param {Store} store @param {{ patch?: import("./messages.js").Patch }} body @param {DataView<ArrayBuffer>[]} buffers
 */
export function takePatch(store, body, buffers) {
  if (body.patch?.added) store.grow(body.patch.added);
  if (body.patch) store.patch(patchOf(buffers.slice(body.patch.at, body.patch.at + 4)), body.patch.changed);
}

/** @param {Explorer} view */
function tellSelection({ store, wire, fail }) {
  const buffers = store.selectedCount ? [packMask(store.selected).buffer] : [];
  wire.ask("select", { count: store.selectedCount }, buffers).catch(fail);
}
