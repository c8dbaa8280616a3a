/**
 * Requests to Python and their answers. Every request gets exactly one answer, which may be an error.
 *
 * A broken connection can lose recent messages. Requests that change something therefore carry a turn number: they are
 * sent again if a later request was answered and they were not, and Python executes each turn once and in order.
 */

/** Seconds after which an unanswered request is reported as waiting. */
const PATIENCE = 6;
/** Kinds of requests that change something. */
const CHANGES = new Set(["decide", "add_class", "accept", "undo", "redo"]);

/**
 * @typedef {object} Asked an open question
 * @property {(answer: { body: any, buffers: DataView<ArrayBuffer>[] }) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {{ kind: string, request: string, turn?: number }} message
 * @property {ArrayBufferLike[]} buffers
 * @property {number} sent
 * @property {number} since ms
 */

export class Wire {
  /**
   * @param {any} model the anywidget model
   * @param {(body: any, buffers: DataView<ArrayBuffer>[]) => void} onNews called for whatever Python sends, answers included
   * @param {(waiting: boolean) => void} onWaiting Python has (not) answered for some seconds
   */
  constructor(model, onNews, onWaiting = () => {}) {
    this.model = model;
    this.onNews = onNews;
    this.onWaiting = onWaiting;
    /** @type {Map<string, Asked>} */
    this.open = new Map();
    this.last = 0;
    this.turn = 0;
    this.stuck = false;
    this.patience = PATIENCE;
    this.onLost = () => {}; // called when a request could not be sent
    this.onSilence = () => {}; // called from time to time while a change waits; sending a request then reveals lost messages
    this.view = Math.random().toString(36).slice(2, 10);
    this.listen = (/** @type {any} */ body, /** @type {DataView<ArrayBuffer>[] | undefined} */ buffers) => this.receive(body, buffers || []);
    model.on("msg:custom", this.listen);
    this.timer = setInterval(() => this.watch(), 2000);
  }

  /**
   * Send a request; rejects with an Error that contains the message from Python.
   * @template {keyof import("./messages.js").Requests} K
   * @param {K} kind
   * @param {import("./messages.js").Requests[K]} [body]
   * @param {ArrayBufferLike[]} [buffers]
   * @returns {Promise<{ body: import("./messages.js").Answers[K], buffers: DataView<ArrayBuffer>[] }>}
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

  /** @param {any} body @param {DataView<ArrayBuffer>[]} buffers */
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

  /** Python answers in order: unanswered changes that were sent before the answered request never reached it. @param {number} answered */
  sendAgain(answered) {
    for (const one of this.open.values()) {
      if (!one.message.turn || one.sent >= answered) continue;
      one.sent = this.last;
      this.model.send(one.message, undefined, one.buffers);
    }
  }

  /** No more answers will come: reject all open requests. @param {string} why */
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
