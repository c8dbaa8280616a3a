/** Comparison of two texts word by word: a pure function, testable without a page. */

/** Maximum size of the table of common words; larger differences are replaced as a whole. */
const MOST_CELLS = 4_000_000;
const WORD = /[\p{L}\p{N}\p{M}_'’]+\s*|\s+|[^\s]\s*/gu;

/** @typedef {{ kind: "same" | "removed" | "added", text: string }} Part */

/**
 * The parts that are the same, removed and added. Joined, "same" and "removed" are the old text, "same" and "added" the
 * new one.
 * @param {string} old @param {string} now @returns {Part[]}
 */
export function wordDiff(old, now) {
  const a = old.match(WORD) ?? [],
    b = now.match(WORD) ?? [],
    shorter = Math.min(a.length, b.length);
  let start = 0,
    end = 0;
  while (start < shorter && a[start] === b[start]) start++;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  /** @type {Part[]} */
  const parts = [];
  add(parts, "same", a.slice(0, start));
  between(parts, a.slice(start, a.length - end), b.slice(start, b.length - end));
  add(parts, "same", a.slice(a.length - end));
  return parts;
}

/** @param {Part[]} parts @param {Part["kind"]} kind @param {string[]} words */
function add(parts, kind, words) {
  if (!words.length) return;
  const last = parts[parts.length - 1],
    text = words.join("");
  if (last?.kind === kind) last.text += text;
  else parts.push({ kind, text });
}

/** The difference of words by their longest common subsequence. @param {Part[]} parts @param {string[]} a @param {string[]} b */
function between(parts, a, b) {
  const width = b.length + 1;
  if ((a.length + 1) * width > MOST_CELLS || !a.length || !b.length) {
    add(parts, "removed", a);
    add(parts, "added", b);
    return;
  }
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  let i = 0,
    j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(parts, "same", [a[i]]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) add(parts, "removed", [a[i++]]);
    else add(parts, "added", [b[j++]]);
  }
}
