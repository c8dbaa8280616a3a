/** The estimated number of remaining errors, updated shortly after each decision, and the sample of the audit as a queue. */
import { arrayOf } from "../base/bits.js";

/** Time without a decision after which the estimate is requested, ms. */
const PAUSE = 700;

export class Audit {
  /** @param {{ store: import("../state/store.js").Store, wire: import("../state/wire.js").Wire, say: (text: string, kind?: string) => void }} options */
  constructor({ store, wire, say }) {
    this.store = store;
    this.wire = wire;
    this.say = say;
    this.timer = 0;
    this.store.on("labels", () => this.later());
  }

  later() {
    if (!this.store.meta.audit?.text && !this.store.meta.audit?.begun) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE);
  }

  async refresh() {
    try {
      const { body } = await this.wire.ask("audit");
      this.take(body);
    } catch {
      /* the old estimate stays visible; errors of the decision itself are shown elsewhere */
    }
  }

  /** Make the sample the queue; draw it first if there is none. @param {"unit" | "example"} per */
  async draw(per) {
    const { body, buffers } = await this.wire.ask("audit", { draw: true, per });
    this.take(body);
    this.store.setQueue(arrayOf(Int32Array, buffers[0]));
    this.store.emptyBecause = "";
    this.store.goTo(this.store.firstOpen("queue"));
    const drawn = body.audit.done || `${this.store.lists.queue.length} examples`;
    this.say(`queue of the random audit: ${drawn}, drawn at random; judge them in this order`);
  }

  /** @param {import("../state/messages.js").AuditAnswer} body */
  take(body) {
    this.store.meta.audit = body.audit;
    this.store.emit("count");
  }

  destroy() {
    clearTimeout(this.timer);
  }
}

/**
 * "about 41 left (30–55), from the detector", or "". Python writes it, so that all places show the same text.
 * @param {import("../state/messages.js").AuditInfo|undefined} audit
 */
export function leftInWords(audit) {
  return audit?.text || "";
}

/** @param {import("../main.js").Explorer} view */
export function auditFeature(view) {
  const audit = new Audit({ store: view.store, wire: view.wire, say: view.say });
  view.bulk.onAudit = (per) => audit.draw(per).catch(view.fail);
  view.registry.onEnd(() => audit.destroy());
}
