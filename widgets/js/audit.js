/** The audit: its sample as a queue, and its estimate, asked for anew a moment after each decision. */
import { arrayOf } from "./bits.js";

/** Time without a decision after which the estimate is asked for, ms. */
const PAUSE = 700;

export class Audit {
  /** @param {{store: object, wire: object, onNews: () => void}} options */
  constructor(options) {
    Object.assign(this, options, { timer: 0 });
    this.store.on("labels", () => this.later());
  }

  later() {
    if (!this.store.meta.audit?.begun) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE);
  }

  async refresh() {
    try {
      const { body } = await this.wire.ask("audit");
      this.take(body);
    } catch {
      /* the old estimate stays on show; the decision itself is answered, and its errors shown, elsewhere */
    }
  }

  /** The sample becomes the queue; it is drawn when there is none. */
  async draw() {
    const { body, buffers } = await this.wire.ask("audit", { draw: true });
    this.take(body);
    this.store.setQueue(arrayOf(Int32Array, buffers[0]));
    this.store.goTo(this.store.firstOpen("queue"));
  }

  take(body) {
    this.store.meta.audit = body.audit;
    this.onNews();
  }

  destroy() {
    clearTimeout(this.timer);
  }
}

/** "about 41 left (30–55)" of an audit, else "~41 left" by the detector, else nothing. */
export function leftInWords(audit, expected) {
  return audit?.text || (expected === null ? "" : `~${expected} left`);
}

/** @param {object} view */
export function auditFeature(view) {
  const audit = new Audit({ store: view.store, wire: view.wire, onNews: () => view.inspector.queue() });
  view.bulk.onAudit = () => audit.draw().catch(view.fail);
  view.registry.onEnd(() => audit.destroy());
}
