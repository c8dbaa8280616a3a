/** Comparison with another run: its positions on both maps, arrows for examples that moved, and scores that changed. */
import { arrayOf, extent } from "../base/bits.js";
import { h } from "../base/dom.js";
import { clip, count, short } from "../base/format.js";
import { normalized, toScreen } from "../base/geometry.js";
import { ink } from "./overlay.js";
import { placed } from "../state/source.js";
/** @import { Theme } from "../base/color.js" */
/** @import { Explorer } from "../main.js" */

/** Maximum number of arrows; more would cover the map. */
const MOST_ARROWS = 30;
const HEAD_LENGTH = 6;

/**
 * Rows to draw arrows for: the selected ones, or the visible rows that moved farthest.
 * @param {{moved: Float32Array, passing: Uint8Array|null, selection: Int32Array, most?: number}} from
 */
export function movedMost({ moved, passing, selection, most = MOST_ARROWS }) {
  const pool = selection.length ? Array.from(selection) : Array.from(moved.keys()).filter((row) => !passing || passing[row]);
  const far = pool.filter((row) => moved[row] > 0);
  return far.sort((a, b) => moved[b] - moved[a] || a - b).slice(0, most);
}

/**
 * Distances between two positions of rows; 0 if one of them is unknown.
 * @param {ArrayLike<number>[]} options @param {ArrayLike<number>[]} options
 */
export function distances([ax, ay], [bx, by]) {
  return Float32Array.from(ax, (x, row) => Math.hypot(bx[row] - x, by[row] - ay[row]) || 0);
}

/** One map with the positions of both runs: buttons to switch between them, and arrows. */
class Compare {
  /**
   * @param {import("../main.js").Explorer} view
   * @param {{ map: import("./map.js").PointMap, name: string, here: ArrayLike<number>[], there: ArrayLike<number>[],
   *   ranges: number[][] | null, how: string, far: number }} options `far` is a distance worth counting
   */
  constructor(view, { map, name, here, there, ranges, how, far }) {
    this.view = view;
    this.map = map;
    this.name = name;
    this.here = here;
    this.there = there;
    this.ranges = ranges;
    this.how = how;
    this.far = far;
    this.at = "here";
    /** @type {number[]} */
    this.rows = [];
    const { store } = view;
    this.moved = distances(this.here, this.there);
    this.buttons = ["here", "other"].map((at) =>
      h("button", {
        type: "button",
        class: "lw-tiny",
        text: at === "here" ? clip(store.meta.name, 14) : clip(name, 14),
        title: at === "here" ? "positions in this run" : `positions in ${name}${this.how && `: ${this.how}`}`,
        "aria-pressed": String(at === this.at),
        onclick: () => this.go(at),
      }),
    );
    this.el = h("span", { class: "lw-compare", role: "group", "aria-label": `run on the ${map.title}` }, this.buttons);
    map.overlays.push((c, _, colors) => this.draw(c, colors));
    map.heading.after(this.el);
    store.on("mask", () => this.choose());
    this.choose();
  }

  /** Move the points to their positions in one of the runs. @param {string} at */
  go(at) {
    this.at = at;
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String((i ? "other" : "here") === at)));
    const [xs, ys] = at === "here" ? this.here : this.there;
    this.map.setData(xs, ys, this.ranges || this.map.ranges);
    const far = count(this.moved.filter((value) => value > this.far).length);
    const there = `positions in ${this.name}; ${far} moved by more than ${short(this.far)}${this.how && `; ${this.how}`}`;
    this.view.say(at === "here" ? "positions in this run" : there);
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

  /**
   * Arrows from the position in this run to that in the other, while the map shows the last epoch of one of them.
   * @param {CanvasRenderingContext2D} c @param {Theme} colors
   */
  draw(c, colors) {
    if (this.view.store.look.epochs[this.map.title] !== undefined) return;
    c.lineWidth = 1;
    c.strokeStyle = ink(colors.text, 0.45);
    const from = this.screen(this.here),
      to = this.screen(this.there);
    from.forEach((place, i) => arrow(c, place, to[i]));
  }

  /** Positions of the rows with arrows in one of the runs, in pixels. @param {ArrayLike<number>[]} options */
  screen([xs, ys]) {
    const { map, rows } = this,
      xy = normalized(Float32Array.from(rows, (row) => xs[row]), Float32Array.from(rows, (row) => ys[row]), map.ranges[0], map.ranges[1]);
    return rows.map((_, i) => toScreen([xy[2 * i], xy[2 * i + 1]], map.size, map.camera));
  }
}

/** @param {CanvasRenderingContext2D} c @param {number[]} from @param {number[]} to */
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

/** A tab with the agreement and the scores that changed; a click on one colours by it and queues the largest changes first. */
/** @param {import("../main.js").Explorer} view @param {import("../state/messages.js").CompareAnswer} answer */
function runsTab(view, { name, phrases = [], scores = [] }) {
  /** @param {number|null} number */
  const value = (number) => (number === null ? "–" : short(number));
  /** @param {import("../state/messages.js").ScoreChange} score */
  const row = (score) =>
    h(
      "button",
      {
        type: "button",
        class: "lw-people-row",
        title: `colour by the change of ${score.name}, and review the largest changes`,
        onclick: async () => {
          await view.colorBy(`${score.name} change`);
          view.bulk.onReorder("column");
        },
      },
      h("span", { class: "lw-clip", text: score.name }),
      h("span", { class: "lw-num", text: `ρ ${value(score.spearman)}` }),
      h("span", {
        class: "lw-quiet lw-people-text",
        text: `mean absolute change ${value(score.mean_absolute_change)}, mean change ${value(score.mean_change)}`,
      }),
    );
  const parts = [
    h("h4", { text: `${view.store.meta.name} and ${name}` }),
    ...phrases.map((text) => h("p", { text })),
    h("h4", { text: "scores, least similar first" }),
    ...scores.map(row),
    h("p", { class: "lw-quiet", text: `ρ: Spearman's rank correlation; changes are ${name} minus ${view.store.meta.name}.` }),
  ];
  view.addTab("runs", h("div", { class: "lw-side lw-people", role: "tabpanel", "aria-label": "runs", hidden: true }, ...parts), () => {});
}

/** Compare the embedding maps once both are computed. @param {Explorer} view @param {string} name */
async function compareEmbedding(view, name) {
  const { body, buffers } = await view.source.patiently("compare", { map: "embedding" });
  if (!buffers.length) return;
  const here = await view.source.embedding(),
    there = placed({}, buffers);
  const both = /** @type {("xs" | "ys")[]} */ (["xs", "ys"]);
  const ranges = both.map((axis) => extent([...extent(here[axis]), ...extent(there[axis])])); // that include
  // both
  const far = 0.1 * Math.max(...ranges.map(([low, high]) => high - low));
  new Compare(view, {
    map: view.maps[1],
    name,
    here: [here.xs, here.ys],
    there: [there.xs, there.ys],
    ranges,
    how: body.how ?? "",
    far,
  });
}

/** @param {import("../main.js").Explorer} view */
export function compareFeature(view) {
  const { store, wire, registry, say, fail } = view;
  if (!store.meta.other) return;
  registry.on("start", async () => {
    try {
      const { body, buffers } = await wire.ask("compare");
      const { name = "", text = "" } = body;
      say(text, "quiet");
      view.status.title = text;
      runsTab(view, body);
      if (buffers.length && store.meta.data_map) {
        const { x, y, ranges } = store.meta.data_map,
          there = buffers.map((buffer) => arrayOf(Float32Array, buffer));
        const here = [store.loaded(x), store.loaded(y)];
        new Compare(view, { map: view.maps[0], name, here, there, ranges, how: "", far: 0.1 });
      }
      if (body.embedding && !store.locked) await compareEmbedding(view, name);
    } catch (error) {
      fail(error);
    }
  });
}
