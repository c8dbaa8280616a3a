/** The epoch slider of the data map: the map as it stood after epoch e, with play. */
import { arrayOf } from "./bits.js";
import { h, icon, ICONS } from "./dom.js";

export class Timeline {
  /** @param {{meta: object, wire: object, map: object, store: object, say: Function}} options */
  constructor(options) {
    Object.assign(this, options, { playing: 0, turns: 0, frames: new Map() });
    const { epochs } = this.meta;
    this.last = epochs.length - 1;
    this.slider = h("input", { type: "range", min: "1", max: String(this.last), step: "1", value: String(this.last), "aria-label": "data map up to epoch", oninput: () => this.go(Number(this.slider.value)) });
    this.slider.value = String(this.last);
    this.label = h("span", { class: "lw-num" });
    this.button = h("button", { type: "button", class: "lw-icon", title: "play the epochs", "aria-label": "play the epochs", onclick: () => this.toggle() }, icon(ICONS.play));
    this.el = h("span", { class: "lw-timeline" }, this.button, this.slider, this.label);
    this.mark(this.last);
  }

  mark(position) {
    const { epochs } = this.meta;
    this.label.textContent = `epoch ${epochs[position]}`;
    this.slider.setAttribute("aria-valuetext", this.label.textContent);
  }

  /** Show the map after the epoch at a position. */
  async go(position) {
    this.slider.value = String(position);
    this.mark(position);
    this.wanted = position;
    try {
      const [xs, ys] = await this.frame(position);
      if (this.wanted === position) this.map.setData(xs, ys, this.meta.data_map.ranges);
    } catch (error) { this.stop(); this.say(error.message, "error"); }
  }

  async frame(position) {
    const { store, meta } = this;
    if (position === this.last) return [store.values(meta.data_map.x), store.values(meta.data_map.y)];
    if (!this.frames.has(position)) {
      const { buffers } = await this.wire.ask("upto", { epoch: meta.epochs[position] });
      this.frames.set(position, buffers.map((buffer) => arrayOf(Float32Array, buffer)));
      if (this.frames.size * store.n > 4e6) this.frames.delete(this.frames.keys().next().value);
    }
    return this.frames.get(position) || this.frame(position);
  }

  toggle() { if (this.playing) this.stop(); else this.play(); }

  async play() {
    const mine = (this.playing = ++this.turns);
    this.button.replaceChildren(icon(ICONS.pause));
    let position = Number(this.slider.value) >= this.last ? 1 : Number(this.slider.value);
    for (; position <= this.last && this.playing === mine; position++) {
      await this.go(position);
      await new Promise((resolve) => setTimeout(resolve, Math.max(120, Math.min(600, 6000 / (this.last + 1)))));
    }
    if (this.playing === mine) this.stop();
  }

  stop() {
    this.playing = 0;
    this.button.replaceChildren(icon(ICONS.play));
  }

  destroy() { this.playing = 0; }
}
