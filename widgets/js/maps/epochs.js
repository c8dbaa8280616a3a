/** Both maps over epochs: the source of the embedding map, and a slider for each map. */
import { h } from "../base/dom.js";
import { placed } from "../state/source.js";
import { Timeline } from "./timeline.js";
import { overEpochs } from "./trails.js";
/** @import { Explorer } from "../main.js" */
/** @import { PointMap } from "./map.js" */
/** @import { Placed } from "../state/source.js" */
/** @import { Frame } from "./timeline.js" */

/**
 * @typedef {object} TimelineOptions of one map
 * @property {string} name
 * @property {number[]} epochs
 * @property {number} first
 * @property {(epoch: number) => Promise<Frame>} load
 * @property {(xs: ArrayLike<number>, ys: ArrayLike<number>) => void} show
 */

const EMBEDDING = "embedding map";

/** @param {import("../main.js").Explorer} view */
export function epochsFeature(view) {
  const { meta } = view.store,
    [data, embedding] = view.maps;
  /** @param {Placed} layout */
  const place = ({ note, xs, ys }) => {
    embedding.note.textContent = note ?? "";
    embedding.setData(xs, ys);
  };
  view.timelines = [];
  if (meta.maps[0] !== false && meta.maps[1] === false && !meta.embedding.there) {
    const title = meta.embedding.message.replaceAll("`", "");
    view.addTool(h("span", { class: "lw-quiet lw-clip", text: title, title }));
  }
  view.maps.forEach((map, i) => (map.el.hidden = meta.maps[i] === false)); // before sizes are measured
  embedding.stage.append(embedding.note); // there is no axis there, and the line above is short
  view.registry.onPush("embedding", (body, buffers) => {
    if (view.store.look.epochs[EMBEDDING] === undefined) place(placed(body, buffers)); // otherwise an earlier epoch is
    // shown
  });
  view.registry.onPush("projected", (body) => {
    view.source.laidOut(body);
    if (body.failed) view.say(body.failed, "error");
  });
  const axes = meta.data_map;
  if (axes && overEpochs(meta)) {
    addTimeline(view, data, {
      name: "data map",
      epochs: meta.epochs,
      first: 1,
      load: (epoch) => view.source.dataMap(epoch),
      show: (xs, ys) => data.setData(xs, ys, axes.ranges),
    });
  }
  if (meta.embedding_epochs.length > 1) {
    addTimeline(view, embedding, {
      name: EMBEDDING,
      epochs: meta.embedding_epochs,
      first: 0,
      load: (epoch) => embeddingOf(view, epoch),
      show: (xs, ys) => embedding.setData(xs, ys),
    });
  }
  view.registry.on("start", () => start(view, place));
}

/** @param {Explorer} view @param {PointMap} map @param {TimelineOptions} options */
function addTimeline(view, map, options) {
  /** @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {number} epoch @param {string} [note] */
  const show = (xs, ys, epoch, note) => {
    map.epoch = epoch; // trails end there
    if (note) map.note.textContent = note;
    options.show(xs, ys);
  };
  /** @param {number} epoch */
  const onTurn = (epoch) => turned(view, options, epoch);
  const line = new Timeline({ n: view.store.n, say: view.say, ...options, show, onTurn });
  view.timelines.push(line);
  map.extra.append(line.el);
  view.registry.onEnd(() => line.destroy());
}

/**
 * Store the epoch of a map's slider as part of the view's look, unless it is the last one.
 * @param {Explorer} view @param {{ name: string, epochs: number[] }} options @param {number} epoch
 */
function turned({ store }, { name, epochs }, epoch) {
  const shown = { ...store.look.epochs };
  if (epoch === epochs[epochs.length - 1]) delete shown[name];
  else shown[name] = epoch;
  store.setLook({ epochs: shown });
}

/** @param {import("../main.js").Explorer} view @param {(layout: Placed) => void} place */
async function start({ store, source, maps }, place) {
  const { meta } = store,
    [data, embedding] = maps;
  if (meta.data_map) data.setData(store.loaded(meta.data_map.x), store.loaded(meta.data_map.y), meta.data_map.ranges);
  else data.say(meta.no_data_map);
  if (!embedding.el.hidden) embedding.say(meta.embedding.message);
  if (!meta.embedding.there) return;
  try {
    const last = await source.embedding();
    if (store.look.epochs[EMBEDDING] === undefined) place(last);
  } catch (error) {
    embedding.say(/** @type {Error} */ (error).message);
  }
}

/** @param {import("../main.js").Explorer} view @param {number} epoch @returns {Promise<Frame>} */
async function embeddingOf({ source, maps: { 1: map } }, epoch) {
  map.note.textContent = `computing the map of epoch ${epoch}…`;
  const { note, xs, ys } = await source.embedding(epoch);
  return [xs, ys, note];
}
