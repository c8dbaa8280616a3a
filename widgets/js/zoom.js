/**
 * How an enlarged picture lies in its box: {k, x, y}, where k is the scale and (x, y) the place of its upper left corner.
 * Sizes are [width, height]; everything here is pure.
 */

/** The whole picture in the middle of the box, as large as it fits. */
export function fitted(box, size) {
  const k = Math.min(box[0] / size[0], box[1] / size[1]);
  return settled({ k, x: 0, y: 0 }, box, size);
}

/** Scaled by a factor around a point of the box, between half of what fits and pixels of 40. */
export function scaled(place, factor, point, box, size) {
  const least = Math.min(1, fitted(box, size).k) / 2,
    most = Math.max(40, fitted(box, size).k * 8);
  const k = Math.min(most, Math.max(least, place.k * factor)),
    f = k / place.k;
  return settled({ k, x: point[0] - (point[0] - place.x) * f, y: point[1] - (point[1] - place.y) * f }, box, size);
}

/** One pixel of the picture on one pixel of the screen, around the middle of the box. */
export function originalPixels(place, box, size, ratio = 1) {
  return scaled(place, 1 / ratio / place.k, [box[0] / 2, box[1] / 2], box, size);
}

/** Moved so that the picture fills the box, or lies in its middle where it is smaller. */
export function settled({ k, x, y }, box, size) {
  const along = (at, room, length) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at)));
  return { k, x: along(x, box[0], size[0] * k), y: along(y, box[1], size[1] * k) };
}

/** The same part of a picture that turned out to have another size. */
export function resized(place, from, to) {
  return { ...place, k: (place.k * from[0]) / to[0] };
}

/**
 * The words of a search that is no query, as they are highlighted in a text: the parts of `text` as
 * [[part, is it a hit], ...].
 */
export function highlighted(text, words) {
  const wanted = words.filter(Boolean).map((word) => word.toLowerCase());
  if (!wanted.length) return [[text, false]];
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return [[text, false]]; // letters that grow: places would not match
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

/** Words to highlight for what stands in the search box; of a query, what its `contains(column, "...")` look for. */
export function searchWords(search) {
  if (!search) return [];
  const inside = [...search.matchAll(/contains\s*\([^,()]*,\s*(["'])(.*?)\1\s*\)/g)].map((found) => found[2]);
  if (inside.length || /[=<>]|contains\s*\(/.test(search)) return inside;
  return search.trim().split(/\s+/);
}
