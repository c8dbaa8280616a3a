/** The epoch slider of a map, which shows the map after each epoch, with a play button. */
import { h, icon, ICONS } from "../base/dom.js";

/** @typedef {[xs: ArrayLike<number>, ys: ArrayLike<number>, note?: string]} Frame coordinates of an epoch */

export class Timeline {
  /**
   * @param {{ epochs: number[], first: number, name: string, n: number, load: (epoch: number) => Promise<Frame>,
   *   show: (xs: ArrayLike<number>, ys: ArrayLike<number>, epoch: number, note?: string) => void,
   *   onTurn: (epoch: number) => void, say: (text: string, kind?: string) => void }} options
   *        `load` gives an epoch, `first` is the least position that makes sense
   */
  constructor({ epochs, first, name, n, load, show, onTurn, say }) {
    this.epochs = epochs;
    this.first = first;
    this.name = name;
    this.n = n;
    this.load = load;
    this.show = show;
    this.onTurn = onTurn;
    this.say = say;
    /** @type {number | undefined} position on show; the last until another was asked for */
    this.wanted = undefined;
    this.playing = 0;
    this.turns = 0;
    /** @type {Map<number, Frame>} */
    this.frames = new Map();
    this.last = epochs.length - 1;
    this.slider = h("input", {
      type: "range",
      min: String(this.first),
      max: String(this.last),
      step: "1",
      "aria-label": `${this.name}: epoch`,
      oninput: () => this.turn(Number(this.slider.value)),
    });
    this.slider.value = String(this.last);
    this.label = h("span", { class: "lw-num" });
    this.button = h(
      "button",
      {
        type: "button",
        class: "lw-icon",
        title: "play the epochs",
        "aria-label": `${this.name}: play the epochs`,
        onclick: () => this.toggle(),
      },
      icon(ICONS.play),
    );
    this.el = h("span", { class: "lw-timeline" }, this.button, this.slider, this.label);
    this.mark(this.last);
  }

  /** @param {number} position */
  mark(position) {
    const { epochs } = this;
    this.label.textContent = `epoch ${epochs[position]}`;
    this.slider.setAttribute("aria-valuetext", this.label.textContent);
  }

  /** Show the map of an epoch; by default the last one. @param {number|undefined} epoch */
  goTo(epoch) {
    this.stop();
    const at = epoch === undefined ? -1 : this.epochs.indexOf(epoch),
      position = at < 0 ? this.last : Math.max(this.first, at);
    if (position !== (this.wanted ?? this.last)) this.go(position);
  }

  /** The user moved the slider: show that epoch, and announce it. @param {number} position */
  turn(position) {
    this.onTurn(this.epochs[position]);
    return this.go(position);
  }

  /** Show the map after the epoch at a position. @param {number} position */
  async go(position) {
    this.slider.value = String(position);
    this.mark(position);
    this.wanted = position;
    try {
      const [xs, ys, note] = await this.frame(position);
      if (this.wanted === position) this.show(xs, ys, this.epochs[position], note);
    } catch (error) {
      this.stop();
      this.say(/** @type {Error} */ (error).message, "error");
    }
  }

  /** @param {number} position */
  async frame(position) {
    const known = this.frames.get(position);
    if (known) return known;
    const frame = await this.load(this.epochs[position]);
    this.frames.set(position, frame);
    const [oldest] = this.frames.keys();
    if (this.frames.size * this.n > 4e6) this.frames.delete(oldest);
    return frame;
  }

  toggle() {
    if (!this.playing) {
      this.play();
      return;
    }
    this.stop();
    this.onTurn(this.epochs[this.wanted ?? this.last]);
  }

  async play() {
    const mine = (this.playing = ++this.turns);
    this.button.replaceChildren(icon(ICONS.pause));
    let position = Number(this.slider.value) >= this.last ? this.first : Number(this.slider.value);
    for (; position <= this.last && this.playing === mine; position++) {
      await this.go(position);
      await new Promise((resolve) => setTimeout(resolve, Math.max(120, Math.min(600, 6000 / (this.last + 1)))));
    }
    if (this.playing !== mine) return;
    this.stop();
    this.onTurn(this.epochs[this.last]);
  }

  stop() {
    this.playing = 0;
    this.button.replaceChildren(icon(ICONS.play));
  }

  destroy() {
    this.playing = 0;
  }
}
