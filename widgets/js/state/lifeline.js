/** Detects whether decisions can be saved. If not (kernel restarted, saved page), the view says so and rejects them. */
import { h } from "../base/dom.js";

const RESTARTED = "The kernel was restarted or shut down: decisions are no longer saved. Run this cell again.";
/** Time to wait for an answer from a kernel that may be new, ms. */
const ANSWER_WITHIN = 4000;

/** @param {import("../main.js").Explorer} view */
export function lifelineFeature(view) {
  const { model, store, registry, root, wire } = view;
  const banner = h("div", { class: "lw-banner", role: "alert", hidden: true });
  view.head.el.after(banner);
  /** @param {string} reason @param {string} kind */
  const lock = (reason, kind) => {
    store.locked = reason;
    root.dataset.locked = kind;
    banner.textContent = reason;
    banner.hidden = false;
  };
  if (store.meta.locked) {
    lock(store.meta.locked, "saved");
    return;
  }
  wire.onLost = () => {
    if (!store.locked) lock(RESTARTED, "gone");
    wire.abandon("the kernel was restarted");
  };
  wire.onSilence = () => wire.ask("current", { row: store.row }).catch(() => {});
  /** The notebook reports that the connection of this widget changed, but not how: send a request to find out. */
  const look = () => {
    const timer = setTimeout(() => wire.onLost(), ANSWER_WITHIN);
    registry.onEnd(() => clearTimeout(timer));
    wire
      .ask("current", { row: store.row })
      .then(() => store.locked && view.again())
      .catch(() => wire.onLost())
      .finally(() => clearTimeout(timer));
  };
  model.on("comm_live_update", look);
  registry.onEnd(() => model.off("comm_live_update", look));
}
