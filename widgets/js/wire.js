/**
 * Questions to Python and their answers. Every question gets exactly one answer; an error is an answer.
 *
 * A connection that breaks can swallow what was just sent. Questions that change something therefore carry a turn: they
 * are sent again when a later question was answered and they were not, and Python does each turn once and in order.
 */

/** Seconds after which an unanswered question is reported as waiting. */
const PATIENCE = 6;
/** Kinds that change something. */
const CHANGES = new Set(["decide", "add_class", "accept", "undo", "redo"]);

export class Wire {
  /** @type {number} */
  last;
  /** @type {any} */
  model;
  /** @type {Function} */
  onNews;
  /** @type {Function} */
  onWaiting;
  /** @type {any} */
  open;
  /** @type {number} */
  turn;

  /**
   * @param {any} model the anywidget model
   * @param {(body: object, buffers: DataView[]) => void} onNews called for whatever Python sends, answers included
   * @param {(waiting: boolean) => void} onWaiting Python has (not) answered for some seconds
   */
  constructor(model, onNews, onWaiting = () => {}) {
    Object.assign(this, { model, onNews, onWaiting, open: new Map(), last: 0, turn: 0, stuck: false, patience: PATIENCE });
    this.onLost = () => {}; // called when a question could not even be sent
    this.onSilence = () => {}; // called now and then while a change waits: to ask something shows what got lost
    this.view = Math.random().toString(36).slice(2, 10);
    this.listen = (body, buffers) => this.receive(body, buffers || []);
    model.on("msg:custom", this.listen);
    this.timer = setInterval(() => this.watch(), 2000);
  }

  /**
   * Ask; rejects with an Error that carries Python's message.
   * @template {keyof import("./messages.js").Requests} K
   * @param {K} kind
   * @param {import("./messages.js").Requests[K]} [body]
   * @param {any[]} [buffers]
   * @returns {Promise<{ body: import("./messages.js").Answers[K], buffers: any[] }>}
   */
  ask(kind, body, buffers = []) {
    const request = `${this.view}.${++this.last}`;
    /** @type {{kind: string, request: string, turn?: number}} */
    const message = { ...body, kind, request };
    if (CHANGES.has(kind)) message.turn = ++this.turn;
    return new Promise((resolve, reject) => {
      this.open.set(request, { resolve, reject, message, buffers, sent: this.last, since: Date.now() });
      try {
        this.model.send(message, undefined, buffers);
      } catch (error) {
        this.open.delete(request);
        reject(Object.assign(new Error(`the kernel cannot be reached (${/** @type {Error} */ (error).message})`), { lost: true }));
        this.onLost();
      }
    });
  }

  receive(body, buffers) {
    this.onNews(body, buffers);
    const asked = this.open.get(body.request);
    if (!asked) return;
    this.open.delete(body.request);
    if (body.error) asked.reject(new Error(body.error));
    else asked.resolve({ body, buffers });
    this.sendAgain(asked.sent);
    this.watch();
  }

  /** Python answers in order: changes that were sent before what it has just answered never reached it. */
  sendAgain(answered) {
    for (const one of this.open.values()) {
      if (!one.message.turn || one.sent >= answered) continue;
      one.sent = this.last;
      this.model.send(one.message, undefined, one.buffers);
    }
  }

  /** No answer will come any more: every open question fails. */
  abandon(why) {
    const asked = [...this.open.values()];
    this.open.clear();
    for (const one of asked) one.reject(Object.assign(new Error(why), { lost: true }));
  }

  watch() {
    const now = Date.now(),
      open = [...this.open.values()];
    const stuck = open.some((one) => now - one.since > PATIENCE * 1000);
    if (stuck !== this.stuck) this.onWaiting((this.stuck = stuck));
    const waits = open.filter((one) => one.message.turn).map((one) => now - one.since);
    if (!waits.length) this.patience = PATIENCE;
    else if (Math.max(...waits) > this.patience * 1000) {
      this.patience *= 2; // a busy kernel is not asked too often
      this.onSilence();
    }
  }

  close() {
    clearInterval(this.timer);
    this.model.off("msg:custom", this.listen);
    this.open.clear();
  }
}
