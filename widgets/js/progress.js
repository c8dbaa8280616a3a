/** Text about the current computation in Python, shown temporarily in an existing line if it takes longer than a moment. */

/** Delay before the text appears, ms; shorter computations are not mentioned. */
const MOMENT = 400;

export class ProgressLine {
  /** @type {any} */
  line;
  /** @type {any} */
  pause;

  /**
   * @param {() => {textContent: string}} line the element that currently shows the text
   * @param {number} pause delay before the first text appears, ms
   */
  constructor(line, pause = MOMENT) {
    Object.assign(this, { line, pause, timer: 0, words: "", shown: "", before: "" });
  }

  /** Set the current computation. */
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

  /** Restore the previous text, unless it was replaced in the meantime. */
  end() {
    clearTimeout(this.timer);
    if (this.shown && this.line().textContent === this.shown) this.line().textContent = this.before;
    Object.assign(this, { timer: 0, shown: "", before: "" });
  }
}
