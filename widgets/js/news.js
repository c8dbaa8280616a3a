/** Messages to and from Python: selection, queue, current example, decisions. */
import { arrayOf, packMask, unpackMask } from "./bits.js";
import { patchOf } from "./store.js";

/** Pause before Python hears which example is on show: not at every step of a held-down arrow key, ms. */
const TELL_PAUSE = 150;

/** @param {import("./main.js").Explorer} view */
export function newsFeature(view) {
  const { store, registry } = view;
  hear(view);
  store.on("selection", ({ from }) => {
    if (from !== "python") tellSelection(view);
  });
  let timer = 0;
  store.on("cursor", () => {
    clearTimeout(timer);
    timer = setTimeout(() => view.wire.ask("current", { row: store.row }).catch(() => {}), TELL_PAUSE); // nothing rests on it
  });
  registry.onEnd(() => clearTimeout(timer));
}

/** News that any answer may carry, and messages that Python sends on its own. */
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

/** The state of rows that Python sent with whatever message. */
export function takePatch(store, body, buffers) {
  if (body.patch?.added) store.grow(body.patch.added);
  if (body.patch) store.patch(patchOf(buffers.slice(body.patch.at, body.patch.at + 4)), body.patch.changed);
}

function tellSelection({ store, wire, fail }) {
  const buffers = store.selectedCount ? [packMask(store.selected).buffer] : [];
  wire.ask("select", { count: store.selectedCount }, buffers).catch(fail);
}
