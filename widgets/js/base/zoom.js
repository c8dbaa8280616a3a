/**
 * The placement of an enlarged picture in its box: {k, x, y}, with the scale k and the upper left corner (x, y).
 * Sizes are [width, height]; all functions are pure.
 */

/** @typedef {{ k: number, x: number, y: number }} Place of a picture in its box */

/** The whole picture, centred and as large as it fits. @param {number[]} box @param {number[]} size */
export function fitted(box, size) {
  const k = Math.min(box[0] / size[0], box[1] / size[1]);
  return settled({ k, x: 0, y: 0 }, box, size);
}

/**
 * Scale by a factor around a point of the box, from half of the fitting size up to 40 screen pixels per pixel.
 * @param {Place} place @param {number} factor @param {number[]} point @param {number[]} box @param {number[]} size
 */
export function scaled(place, factor, point, box, size) {
  const least = Math.min(1, fitted(box, size).k) / 2,
    most = Math.max(40, fitted(box, size).k * 8);
  const k = Math.min(most, Math.max(least, place.k * factor)),
    f = k / place.k;
  return settled({ k, x: point[0] - (point[0] - place.x) * f, y: point[1] - (point[1] - place.y) * f }, box, size);
}

/**
 * One pixel of the picture per pixel of the screen, around the middle of the box.
 * @param {Place} place @param {number[]} box @param {number[]} size
 */
export function originalPixels(place, box, size, ratio = 1) {
  return scaled(place, 1 / ratio / place.k, [box[0] / 2, box[1] / 2], box, size);
}

/**
 * Move the picture so that it fills the box, or is centred if it is smaller.
 * @param {Place} place @param {number[]} box @param {number[]} size
 */
export function settled({ k, x, y }, box, size) {
  /** @param {number} at @param {number} room @param {number} length */
  const along = (at, room, length) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at)));
  return { k, x: along(x, box[0], size[0] * k), y: along(y, box[1], size[1] * k) };
}

/** Keep the visible part of a picture when its size changes. @param {Place} place @param {number[]} from @param {number[]} to */
export function resized(place, from, to) {
  return { ...place, k: (place.k * from[0]) / to[0] };
}

/**
 * Highlight the words of a plain search in a text: its parts as [[part, whether it is a hit], ...].
 * @param {string} text @param {string[]} words @returns {[string, boolean][]}
 */
export function highlighted(text, words) {
  const wanted = words.filter(Boolean).map((word) => word.toLowerCase());
  if (!wanted.length) return [[text, false]];
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return [[text, false]]; // lower case may change the length: positions would not match
  /** @type {[string, boolean][]} */
  const parts = [];
  let from = 0;
  for (;;) {
    let at = -1,
      length = 0;
    for (const word of wanted) {
      const found = lower.indexOf(word, from);
      if (found >= 0 && (at < 0 || found < at || (found === at && word.length > length))) [at, length] = [found, word.length];
    }
    if (at < 0) break;
    if (at > from) parts.push([text.slice(from, at), false]);
    parts.push([text.slice(at, at + length), true]);
    from = at + length;
  }
  if (from < text.length) parts.push([text.slice(from), false]);
  return parts;
}

/**
 * Words to highlight for the text in the search box; for a query, the arguments of `contains(column, "...")`.
 * @param {string|undefined} search
 */
export function searchWords(search) {
  if (!search) return [];
  const inside = [...search.matchAll(/contains\s*\([^,()]*,\s*(["'])(.*?)\1\s*\)/g)].map((found) => found[2]);
  if (inside.length || /[=<>]|contains\s*\(/.test(search)) return inside;
  return search.trim().split(/\s+/);
}
