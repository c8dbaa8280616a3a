/** Both maps over epochs: where the embedding map comes from, and a slider for each map. */
import { placed } from "./source.js";
import { Timeline } from "./timeline.js";

/** @param {object} view */
export function epochsFeature(view) {
  const { meta } = view.store,
    [data, embedding] = view.maps;
  const place = ({ note, xs, ys }) => {
    embedding.note.textContent = note;
    embedding.setData(xs, ys);
  };
  view.maps.forEach((map, i) => (map.el.hidden = meta.maps[i] === false)); // before sizes are measured
  embedding.stage.append(embedding.note); // it has no axis there, and the line above is short
  view.registry.onPush("embedding", (body, buffers) => place(placed(body, buffers)));
  view.registry.onPush("projected", (body) => {
    view.source.laidOut(body);
    if (body.failed) view.say(body.failed, "error");
  });
  if (meta.data_map?.x === "variability" && meta.epochs.length > 1) {
    addTimeline(view, data, {
      name: "data map",
      epochs: meta.epochs,
      first: 1,
      load: (epoch) => view.source.dataMap(epoch),
      show: (xs, ys) => data.setData(xs, ys, meta.data_map.ranges),
    });
  }
  if (meta.embedding_epochs.length > 1) {
    addTimeline(view, embedding, {
      name: "embedding map",
      epochs: meta.embedding_epochs,
      first: 0,
      load: (epoch) => embeddingOf(view, epoch),
      show: (xs, ys) => embedding.setData(xs, ys),
    });
  }
  view.registry.on("start", () => start(view, place));
}

function addTimeline(view, map, options) {
  const show = (xs, ys, epoch, note) => {
    map.epoch = epoch; // trails end there
    if (note) map.note.textContent = note;
    options.show(xs, ys);
  };
  const line = new Timeline({ n: view.store.n, say: view.say, ...options, show });
  map.extra.append(line.el);
  view.registry.onEnd(() => line.destroy());
}

async function start({ store, source, maps: [data, embedding] }, place) {
  const { meta } = store;
  if (meta.data_map) data.setData(store.values(meta.data_map.x), store.values(meta.data_map.y), meta.data_map.ranges);
  else data.say(meta.no_data_map || "nothing per epoch was recorded");
  embedding.say(meta.embedding.message);
  if (!meta.embedding.there) return;
  try {
    place(await source.embedding());
  } catch (error) {
    embedding.say(error.message);
  }
}

async function embeddingOf({ source, maps: [, map] }, epoch) {
  map.note.textContent = `laying out epoch ${epoch}…`;
  const { note, xs, ys } = await source.embedding(epoch);
  return [xs, ys, note];
}
