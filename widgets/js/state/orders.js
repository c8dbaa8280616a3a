/** Names of the orders of the review queue, and counts by class: pure functions of a store. */
/** @import { Store } from "./store.js" */

/** @type {Record<string, string>} */
export const ORDERS = {
  suspicion: "most suspicious first",
  pairs: "by class pair",
  clusters: "by cluster",
  annotators: "disagreement of annotators",
  second: "second opinion",
  random: "in random order",
  audit: "random audit",
  audit_examples: "random audit of whole examples",
  again: "second looks of the audit",
  swapped: "repeats with the answers swapped",
  column: "by the coloured score",
  all: "all examples",
  own: "in your own order",
};

/**
 * Orders for the menu: [name, text]; includes the current order even if it is the name of a column.
 * @param {string[]} possible @param {string} inForce @param {[string, [string, string][]][]} [groups] @returns {string[][]}
 */
export function offeredOrders(possible, inForce, groups = []) {
  const offered = Object.entries(ORDERS).filter(([name]) => possible.includes(name) || name === inForce);
  const listed = groups.some(([, queues]) => queues.some(([name]) => name === inForce));
  return !inForce || listed || Object.hasOwn(ORDERS, inForce) ? offered : [[inForce, `by ${inForce}`], ...offered];
}

/**
 * Queues of tags for the menu: tags that are likely missing, and tags that are likely wrong.
 * @param {import("./messages.js").TagInfo[]} tags
 * @returns {[string, [string, string][]][]}
 */
export function tagQueues(tags) {
  /** @type {("missing" | "wrong")[]} */
  const kinds = ["missing", "wrong"];
  return kinds.map((kind) => {
    const some = tags.filter((tag) => tag[kind]).sort((a, b) => b[kind] - a[kind]);
    return [`${kind} tag`, some.map((tag) => [`${kind} tag ${tag.name}`, `${tag.name}: ${kind} in ${tag[kind]}`])];
  });
}

/** Prefix of the names of queues by kind of error, as in Python. */
export const OF_KIND = "kind: ";

/** The kind of error, or the pair of classes, that a queue is about; "" for other queues. @param {string} order @returns {string} */
export const kindOf = (order) => (order.startsWith(OF_KIND) ? order.slice(OF_KIND.length) : "");

/**
 * Queues of kinds of errors and of pairs of classes for the menu.
 * @param {import("./messages.js").KindCount[]} kinds
 * @returns {[string, [string, string][]][]}
 */
export function kindQueues(kinds) {
  return [false, true].map((pairs) => [pairs ? "pair of classes" : "kind of error", kinds.filter(({ pair }) => pair === pairs).map(({ name, count }) => [OF_KIND + name, `${name}: ${count}`])]);
}

/** Why the queue is empty in this order, and what can be done. @param {Store} store @param {string} order */
export function emptyQueue({ meta }, order) {
  /** @type {Record<string, string>} */
  const why = {
    suspicion: "No label issues were found.",
    pairs: "No label issues were found.",
    clusters: "No label issues were found.",
    random: "No label issues were found.",
    annotators: "No two annotators disagree.",
    second: `No other author has judged an example that ${meta.author || "you"} had not judged yet.`,
    audit: "The random audit has no examples.",
    audit_examples: "The random audit has no examples.",
    own: "The list of ids that was passed as the queue is empty.",
  };
  return `${why[order] || "The queue is empty."} Choose “all examples” above to review all of them.`;
}

/** Counts per class: examples with this given label, and those among them that are label issues or were changed. @param {Store} store */
export function classCounts(store) {
  const k = store.classes.length,
    given = new Int32Array(k),
    issues = new Int32Array(k),
    changed = new Int32Array(k);
  const expected = new Float64Array(k);
  for (let i = 0; i < store.n; i++) {
    const c = store.given[i];
    if (c < 0) continue;
    given[c]++;
    if (store.issue[i]) issues[c]++;
    if (store.edited(i)) changed[c]++;
    if (store.pError[i] > 0) expected[c] += store.pError[i];
  }
  return { given, issues, changed, expected };
}

/** The most frequent pairs: [[given, suggested, count], ...]. @param {ArrayLike<number>} counts @param {number} k */
export function topPairs(counts, k, most = 30) {
  /** @type {[number, number, number][]} */
  const pairs = [];
  for (let i = 0; i < counts.length; i++) if (counts[i]) pairs.push([Math.floor(i / k), i % k, counts[i]]);
  return pairs.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]).slice(0, most);
}

/**
 * Number of examples by given class (rows) and another class (columns), flat k * k, without those that lack either.
 * @param {ArrayLike<number>} given @param {ArrayLike<number>} codes @param {number} k
 */
export function cellCounts(given, codes, k) {
  const counts = new Int32Array(k * k);
  for (let i = 0; i < given.length; i++) if (given[i] >= 0 && codes[i] >= 0) counts[given[i] * k + codes[i]]++;
  return counts;
}
