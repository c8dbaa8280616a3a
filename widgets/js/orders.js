/** Orders of the review queue and counts by class: pure functions of a store. */

export const ORDERS = {
  suspicion: "most suspicious first",
  pairs: "by class pair",
  random: "in random order",
  audit: "random audit",
  all: "all examples",
};

/** A shuffled copy, the same for the same seed (mulberry32). */
export function shuffled(rows, seed = 1) {
  const out = Int32Array.from(rows);
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** The rows of `queue` (most suspicious first) in another order; "all" is every example by suspicion. */
export function ordered(name, queue, store) {
  if (name === "all") return store.order;
  if (name === "random") return shuffled(queue);
  if (name !== "pairs") return queue;
  const k = store.classes.length + 1,
    pair = (row) => (store.given[row] + 1) * k + store.suggested[row] + 1,
    total = new Map();
  for (const row of queue) total.set(pair(row), (total.get(pair(row)) || 0) + 1);
  const place = new Map(Array.from(queue, (row, i) => [row, i]));
  return Int32Array.from(queue).sort(
    (a, b) => total.get(pair(b)) - total.get(pair(a)) || pair(a) - pair(b) || place.get(a) - place.get(b),
  );
}

/** Per class: how many examples were given it, how many of them are suspected and how many were changed. */
export function classCounts(store) {
  const k = store.classes.length,
    given = new Int32Array(k),
    suspected = new Int32Array(k),
    changed = new Int32Array(k);
  const expected = new Float64Array(k);
  for (let i = 0; i < store.n; i++) {
    const c = store.given[i];
    if (c < 0) continue;
    given[c]++;
    if (store.issue[i]) suspected[c]++;
    if (store.labels[i] !== c) changed[c]++;
    if (store.pError[i] > 0) expected[c] += store.pError[i];
  }
  return { given, suspected, changed, expected };
}

/** Suspected examples by given (rows) and suggested class (columns), flat k * k. */
export function pairCounts(store) {
  const k = store.classes.length,
    counts = new Int32Array(k * k);
  for (let i = 0; i < store.n; i++) {
    const a = store.given[i],
      b = store.suggested[i];
    if (store.issue[i] && a >= 0 && b >= 0 && a !== b) counts[a * k + b]++;
  }
  return counts;
}

/** The most frequent pairs: [[given, suggested, count], ...]. */
export function topPairs(counts, k, most = 30) {
  const pairs = [];
  counts.forEach((count, i) => {
    if (count) pairs.push([Math.floor(i / k), i % k, count]);
  });
  return pairs.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]).slice(0, most);
}
