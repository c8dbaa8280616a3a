/** Another run beside this one: where it has the examples on the data map, and arrows for those that moved. */
import { arrayOf } from "./bits.js";
import { h } from "./dom.js";
import { clip, count } from "./format.js";
import { normalized, toScreen } from "./geometry.js";
import { ink } from "./overlay.js";

/** Arrows at once: more would cover the map. */
const MOST_ARROWS = 30;
const HEAD_LENGTH = 6;

/**
 * Rows to draw arrows for: the selected ones, or else those of all shown rows that moved farthest.
 * @param {{moved: Float32Array, passing: Uint8Array|null, selection: Int32Array, most?: number}} from
 */
export function movedMost({ moved, passing, selection, most = MOST_ARROWS }) {
  const pool = selection.length ? Array.from(selection) : Array.from(moved.keys()).filter((row) => !passing || passing[row]);
  const far = pool.filter((row) => moved[row] > 0);
  return far.sort((a, b) => moved[b] - moved[a] || a - b).slice(0, most);
}

class Compare {
  constructor(view, { name, text, xs, ys }) {
    const { store } = view,
      { x, y, ranges } = store.meta.data_map;
    Object.assign(this, { view, name, text, xs, ys, ranges, at: "here", map: view.maps[0] });
    this.here = [store.values(x), store.values(y)];
    this.ends = { here: normalized(...this.here, ...this.map.ranges), other: normalized(xs, ys, ...this.map.ranges) };
    this.moved = Float32Array.from(xs, (value, row) => Math.hypot(value - this.here[0][row], ys[row] - this.here[1][row]) || 0);
    this.rows = [];
    this.buttons = ["here", "other"].map((at) =>
      h("button", {
        type: "button",
        class: "lw-tiny",
        text: at === "here" ? clip(store.meta.name, 14) : clip(name, 14),
        title: at === "here" ? "the places of this run" : `the places of ${name}`,
        "aria-pressed": String(at === this.at),
        onclick: () => this.go(at),
      }),
    );
    this.el = h("span", { class: "lw-compare", role: "group", "aria-label": "run on the data map" }, this.buttons);
    this.map.overlays.push((c, map, colors) => this.draw(c, map, colors));
    this.choose();
  }

  /** Move the points to where one of the runs has them. */
  go(at) {
    this.at = at;
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String((i ? "other" : "here") === at)));
    const [xs, ys] = at === "here" ? this.here : [this.xs, this.ys];
    this.map.setData(xs, ys, this.ranges || this.map.ranges);
    const far = count(this.moved.filter((value) => value > 0.1).length);
    this.view.say(at === "here" ? "as this run has it" : `as ${this.name} has it; ${far} moved by more than .1`);
  }

  choose() {
    const { store } = this.view;
    this.rows = movedMost({
      moved: this.moved,
      passing: store.filter.active ? store.filter.passing : null,
      selection: store.lists.selection,
    });
    this.map.redrawOver();
  }

  /** Arrows from the place in this run to the place in the other. */
  draw(c, map, colors) {
    c.lineWidth = 1;
    c.strokeStyle = ink(colors.text, 0.45);
    for (const row of this.rows) arrow(c, this.screen("here", row, map), this.screen("other", row, map));
  }

  screen(end, row, map) {
    const xy = this.ends[end];
    return toScreen([xy[2 * row], xy[2 * row + 1]], map.size, map.camera);
  }
}

function arrow(c, [x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!(length > 3)) return;
  const turn = Math.atan2(y1 - y0, x1 - x0),
    head = Math.min(HEAD_LENGTH, length / 2);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  for (const side of [-0.45, 0.45]) {
    c.moveTo(x1, y1);
    c.lineTo(x1 - head * Math.cos(turn + side), y1 - head * Math.sin(turn + side));
  }
  c.stroke();
}

/** @param {object} view */
export function compareFeature(view) {
  const { store, wire, registry, say, fail } = view;
  if (!store.meta.other) return;
  registry.on("start", async () => {
    try {
      const { body, buffers } = await wire.ask("compare");
      say(body.text, "quiet");
      view.status.title = body.text;
      if (!buffers.length || !store.meta.data_map) return;
      const [xs, ys] = buffers.map((buffer) => arrayOf(Float32Array, buffer));
      const compare = new Compare(view, { ...body, xs, ys });
      view.maps[0].heading.after(compare.el);
      store.on("mask", () => compare.choose());
    } catch (error) {
      fail(error);
    }
  });
}
