/** Text about the current computation in Python, shown temporarily in an existing line if it takes longer than a moment. */

/** Delay before the text appears, ms; shorter computations are not mentioned. */
const MOMENT = 400;

export class ProgressLine {
  /**
   * @param {() => { textContent: string | null }} line the element that currently shows the text
   * @param {number} pause delay before the first text appears, ms
   */
  constructor(line, pause = MOMENT) {
    this.line = line;
    this.pause = pause;
    this.timer = 0;
    this.words = "";
    this.shown = "";
    /** @type {string | null} */
    this.before = "";
  }

  /** Set the current computation. @param {string} words */
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
    this.timer = 0;
    this.shown = this.before = "";
  }
}
