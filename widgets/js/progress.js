/** Words for what Python is computing, on a line that belongs to others: shown once it takes longer than a moment. */

/** Pause before words appear, ms: what is done by then is not worth a line. */
const MOMENT = 400;

export class ProgressLine {
  /** @type {any} */
  line;
  /** @type {any} */
  pause;

  /**
   * @param {() => {textContent: string}} line the element that shows the words now
   * @param {number} pause before the first words appear, ms
   */
  constructor(line, pause = MOMENT) {
    Object.assign(this, { line, pause, timer: 0, words: "", shown: "", before: "" });
  }

  /** What is computed from here on. */
  tell(words) {
    this.words = words;
    if (this.shown) this.show();
    else if (!this.timer) this.timer = setTimeout(() => this.show(), this.pause);
  }

  show() {
    const element = this.line();
    if (!this.shown) this.before = element.textContent;
    element.textContent = this.shown = `${this.words}…`;
  }

  /** What stood there comes back, unless something else was said meanwhile. */
  end() {
    clearTimeout(this.timer);
    if (this.shown && this.line().textContent === this.shown) this.line().textContent = this.before;
    Object.assign(this, { timer: 0, shown: "", before: "" });
  }
}
