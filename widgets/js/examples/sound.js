/** The audio player of the inspector: a sound is fetched when its example is shown and released afterwards. */
import { h } from "../base/dom.js";

export class Player {
  /** @param {import("../state/wire.js").Wire} wire */
  constructor(wire) {
    this.wire = wire;
    this.url = "";
    this.row = -1;
    this.audio = h("audio", { controls: true, preload: "auto", class: "lw-player", "aria-label": "sound of the example" });
    this.message = h("span", { class: "lw-quiet" });
    this.el = h("div", { class: "lw-player-box" }, this.audio, this.message);
  }

  /** Load the sound of a row. @param {number} row */
  async show(row) {
    this.forget();
    this.row = row;
    this.message.textContent = "";
    if (row < 0) return;
    try {
      const { body, buffers } = await this.wire.ask("sound", { row });
      if (this.row !== row) return;
      this.url = URL.createObjectURL(new Blob([buffers[0]], { type: body.mime }));
      this.audio.src = this.url;
    } catch (error) {
      if (this.row === row) this.message.textContent = /** @type {Error} */ (error).message;
    }
  }

  forget() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
  }
}

/** @param {import("../main.js").Explorer} view */
export function soundFeature(view) {
  if (view.media.kind !== "audio") return;
  const { store, wire, fail, registry, inspector } = view;
  const player = new Player(wire);
  inspector.picture.after(player.el);
  let timer = 0;
  const show = () => {
    clearTimeout(timer);
    player.forget();
    timer = setTimeout(() => player.show(store.row), 120); // not at every step while an arrow key is held
  };
  store.on("cursor", show);
  registry.on("start", show);
  registry.onEnd(() => {
    clearTimeout(timer);
    player.forget();
  });
}
