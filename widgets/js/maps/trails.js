/** Trails: positions of the selected examples (or the current one) over epochs, on both maps. */
import { arrayOf } from "../base/bits.js";
import { iconButton } from "../base/dom.js";
import { count } from "../base/format.js";
import { axesOf, normalized } from "../base/geometry.js";
import { afterRest } from "../state/look.js";
import { drawTrails } from "./overlay.js";
/** @import { Explorer } from "../main.js" */
/** @import { PointMap } from "./map.js" */
/** @import { OpenAnswer } from "../state/messages.js" */

/** @typedef {{ rows: number[], steps: { epoch: number, xy: Float32Array }[] }} Trail places [x0, y0, x1, y1, ...] of rows, by epoch */

/** Maximum number of trails; more would cover the map. */
const MOST_TRAILS = 50;
/** Delay before a new selection gets trails, ms. */
const TRAIL_REST = 150;

/**
 * One step of all trails: [x0, y0, x1, y1, ...] of an epoch, in the space of its map.
 * @param {number} epoch @param {Float32Array} xy @param {number[][]} ranges
 */
export function stepOf(epoch, xy, ranges) {
  const [xs, ys] = axesOf(xy);
  return { epoch, xy: normalized(xs, ys, ranges[0], ranges[1]) };
}

class Trails {
  /** @param {Explorer} view */
  constructor(view) {
    this.view = view;
    this.on = false;
    this.turn = 0;
    this.button = iconButton("trails", "trails of the selected examples over epochs", () => this.toggle());
    this.button.setAttribute("aria-pressed", "false");
  }

  toggle() {
    this.on = !this.on;
    this.button.setAttribute("aria-pressed", String(this.on));
    if (this.on) this.load(true);
    else this.clear();
  }

  clear() {
    this.turn++;
    for (const map of this.view.maps) {
      map.trails = null;
      map.redrawOver();
    }
  }

  /** Rows that get trails: the selected ones, most suspicious first, or the current one. */
  rows() {
    const { store } = this.view;
    if (store.selectedCount) return Array.from(store.lists.selection.slice(0, MOST_TRAILS));
    return store.row >= 0 ? [store.row] : [];
  }

  async load(aloud = false) {
    const { store, say, fail, maps } = this.view,
      turn = ++this.turn,
      rows = this.rows();
    for (const map of maps) map.trails = null;
    if (aloud) say(rows.length ? this.words(rows.length) : "select examples to see their trails", rows.length ? "" : "warn");
    if (!rows.length) return;
    try {
      if (overEpochs(store.meta)) await this.dataSteps(rows, turn);
      await this.embeddingSteps(rows, turn);
    } catch (error) {
      fail(error);
    }
  }

  /** @param {number} shown */
  words(shown) {
    const { selectedCount } = this.view.store;
    return selectedCount > shown
      ? `trails of the ${shown} most suspicious of ${count(selectedCount)} selected`
      : `${shown === 1 ? "trail" : "trails"} of ${count(shown)} ${shown === 1 ? "example" : "examples"}`;
  }

  /** @param {number[]} rows @param {number} turn */
  async dataSteps(rows, turn) {
    const { wire, store, maps } = this.view,
      { buffers } = await wire.ask("trail", { map: "data", rows }),
      ranges = store.meta.data_map?.ranges;
    if (turn !== this.turn || !ranges) return;
    const all = arrayOf(Float32Array, buffers[0]),
      size = 2 * rows.length;
    const steps = store.meta.epochs.map((epoch, e) =>
      stepOf(epoch, all.slice(e * size, (e + 1) * size), ranges),
    );
    this.show(maps[0], { rows, steps: steps.slice(1) }); // after one epoch there is no variability yet
  }

  /** Load epoch by epoch from the last one, because new layouts take a while. @param {number[]} rows @param {number} turn */
  async embeddingSteps(rows, turn) {
    const { source, store, maps } = this.view,
      { embedding_epochs: epochs } = store.meta;
    if (epochs.length < 2) return;
    /** @type {Trail} */
    const trails = { rows, steps: [] };
    for (const epoch of [...epochs].reverse()) {
      const { body, buffers } = await source.patiently("trail", { map: "embedding", rows, epoch });
      if (turn !== this.turn) return;
      trails.steps.unshift(stepOf(epoch, arrayOf(Float32Array, buffers[0]), body.extent ?? []));
      this.show(maps[1], trails);
    }
  }

  /** @param {PointMap} map @param {Trail} trails */
  show(map, trails) {
    map.trails = trails;
    map.redrawOver();
  }
}

/** Whether the data map has epochs; that of several runs is a mean, which has none. @param {OpenAnswer} meta */
export const overEpochs = (meta) => !meta.pooled && meta.data_map?.x === "variability" && meta.epochs.length > 1;

/** @param {import("../main.js").Explorer} view */
export function trailsFeature(view) {
  const { store, registry } = view,
    { meta } = store;
  const trails = new Trails(view),
    later = afterRest(TRAIL_REST, () => trails.on && trails.load());
  const why = store.locked || (overEpochs(meta) || meta.embedding_epochs.length > 1 ? "" : "a single epoch has no trails"),
    possible = !why;
  registry.onAction("trails", () => (possible ? trails.toggle() : view.say(why, "warn")));
  if (!possible) return;
  for (const map of view.maps)
    map.overlays.push((c, on, colors) => {
      const { trails: shown, epoch, size, camera } = on;
      if (shown) drawTrails(c, { trails: shown, epoch, size, camera, store }, (row) => view.paint.classColor(store.labels[row]), colors);
    });
  view.addTool(trails.button);
  store.on("mask", ({ selection }) => selection && later());
  store.on("cursor", () => !store.selectedCount && later());
  registry.onEnd(() => later.cancel());
}
