/** Questions to Python and their answers. Every question gets exactly one answer; an error is an answer. */

/** Seconds after which an unanswered question is reported as waiting. */
const PATIENCE = 6;

export class Wire {
  /**
   * @param {object} model the anywidget model
   * @param {(body: object, buffers: DataView[]) => void} onNews called for whatever Python sends, answers included
   * @param {(waiting: boolean) => void} onWaiting Python has (not) answered for some seconds
   */
  constructor(model, onNews, onWaiting = () => {}) {
    Object.assign(this, { model, onNews, onWaiting, open: new Map(), last: 0, stuck: false });
    this.onLost = () => {}; // called when a question could not even be sent
    this.view = Math.random().toString(36).slice(2, 10);
    this.listen = (body, buffers) => this.receive(body, buffers || []);
    model.on("msg:custom", this.listen);
    this.timer = setInterval(() => this.watch(), 2000);
  }

  /** Ask; resolves to {body, buffers}, rejects with an Error that carries Python's message. */
  ask(kind, body = {}, buffers = []) {
    const request = `${this.view}.${++this.last}`;
    return new Promise((resolve, reject) => {
      this.open.set(request, { resolve, reject, kind, since: Date.now() });
      try {
        this.model.send({ ...body, kind, request }, undefined, buffers);
      } catch (error) {
        this.open.delete(request);
        reject(Object.assign(new Error(`the kernel cannot be reached (${error.message})`), { lost: true }));
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
    this.watch();
  }

  /** No answer will come any more: every open question fails. */
  abandon(why) {
    const asked = [...this.open.values()];
    this.open.clear();
    for (const one of asked) one.reject(Object.assign(new Error(why), { lost: true }));
  }

  watch() {
    const now = Date.now();
    const stuck = [...this.open.values()].some((one) => now - one.since > PATIENCE * 1000);
    if (stuck !== this.stuck) this.onWaiting((this.stuck = stuck));
  }

  close() {
    clearInterval(this.timer);
    this.model.off("msg:custom", this.listen);
    this.open.clear();
  }
}
