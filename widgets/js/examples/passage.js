/**
 * A text split into tokens, with spans drawn as rails: current ones above the words, suggested ones below. Long texts
 * are drawn in pieces when they become visible.
 */
import { h } from "../base/dom.js";

/** Width of an average letter of the text in pixels, and number of letters beyond which a name cannot meet the next one. */
const LETTER = 6.5;
const FAR = 60;
/** Number of tokens of a piece. */
const PIECE = 80;

/** @typedef {import("../state/messages.js").Passage} Passage */
/**
 * @typedef {object} Piece tokens that are drawn together
 * @property {number} first token
 * @property {number} last token, exclusive
 * @property {HTMLElement} el
 * @property {boolean} near whether it is visible or almost
 * @property {boolean} fresh whether it shows the current spans
 * @property {HTMLElement[]} tokens their elements, none before it is drawn
 * @property {string[]} drawing what is drawn at each of them
 */

/**
 * @typedef {object} Rail a span to draw
 * @property {string} key of its unit
 * @property {number} first token
 * @property {number} last token, exclusive
 * @property {string} name
 * @property {string} color
 * @property {boolean} hint whether it is only suggested
 * @property {boolean} focused
 */

/**
 * The tokens touched by a position, half-open; null if there are none.
 * @param {{ begin: number[], end: number[], counts: string }} passage @param {{ start: number, end: number }} place
 * @returns {[number, number] | null}
 */
export function tokensOf({ begin, end, counts }, place) {
  if (counts === "tokens") return place.start < begin.length ? [place.start, Math.min(place.end, begin.length)] : null;
  const first = firstAfter(end, place.start),
    last = firstAfter(begin, place.end - 1);
  return first < last ? [first, last] : null;
}

/** Index of the first number that is larger than a value, in ascending numbers. @param {number[]} numbers @param {number} value */
function firstAfter(numbers, value) {
  let low = 0,
    high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The position of some tokens, in the unit of spans.
 * @param {{ begin: number[], end: number[], counts: string }} passage
 * @param {number} first @param {number} last
 */
export function placeOf({ begin, end, counts }, first, last) {
  return counts === "tokens" ? { start: first, end: last } : { start: begin[first], end: end[last - 1] };
}

/**
 * Level of each range so that those of one level do not overlap: 0 is next to the words, longer ones are further away.
 * @param {{ first: number, last: number }[]} ranges
 */
export function levels(ranges) {
  const order = ranges.map((_, i) => i).sort((a, b) => ranges[a].last - ranges[a].first - (ranges[b].last - ranges[b].first) || ranges[a].first - ranges[b].first),
    found = new Array(ranges.length).fill(0),
    taken = /** @type {Set<number>[]} tokens of each level */ ([]);
  for (const i of order) {
    const { first, last } = ranges[i];
    const meets = (/** @type {Set<number>} */ level) => {
      for (let token = first; token < last; token++) if (level.has(token)) return true;
      return false;
    };
    while (found[i] < taken.length && meets(taken[found[i]])) found[i]++;
    const level = (taken[found[i]] ||= new Set());
    for (let token = first; token < last; token++) level.add(token);
  }
  return found;
}

/**
 * All occurrences of the words of a range, without overlaps: [first, last] each, including the range itself.
 * @param {string[]} words @param {number} first @param {number} last
 * @returns {[number, number][]}
 */
export function equalForms(words, first, last) {
  const wanted = words.slice(first, last);
  /** @type {[number, number][]} */
  const found = [];
  for (let at = 0; at + wanted.length <= words.length; at++) {
    if (wanted.every((word, i) => words[at + i] === word)) {
      found.push([at, at + wanted.length]);
      at += wanted.length - 1;
    }
  }
  return found;
}

/** @type {Passage} */
const NO_TEXT = { text: "", begin: [], end: [], counts: "tokens" };

export class PassageView {
  /** @param {{ pick: (token: number, extend: boolean) => void }} options callback for a press on a token */
  constructor({ pick }) {
    this.pick = pick;
    this.el = h("div", { class: "lw-passage", dir: "auto", role: "group", "aria-label": "text with spans" });
    for (const type of ["pointerdown", "pointerover"]) this.el.addEventListener(type, (event) => this.pointed(/** @type {PointerEvent} */ (event)));
    /** @type {Passage | null} */
    this.passage = null;
    /** @type {string[]} characters of the text */
    this.points = [];
    /** @type {string[] | null} */
    this.kept = null;
    /** @type {Piece[]} */
    this.pieces = [];
    /** @type {Map<number, { rail: Rail, level: number }[]>} by token */
    this.drawn = new Map();
    /** @type {[number, number] | null} */
    this.marked = null;
    /** @type {IntersectionObserver | null} */
    this.seeking = null;
    this.watcher = typeof IntersectionObserver === "undefined" ? null : new IntersectionObserver((seen) => this.seen(seen), { root: this.el, rootMargin: "200px" });
  }

  /** @param {PointerEvent} event */
  pointed(event) {
    const { target } = event,
      token = /** @type {HTMLElement | null} */ (target instanceof Element ? target.closest(".lw-token") : null);
    if (!token || (event.type === "pointerover" && !(event.buttons & 1))) return;
    event.preventDefault();
    this.pick(Number(token.dataset.token), event.type === "pointerover" || event.shiftKey);
  }

  /** The words of the passage, computed once. */
  get words() {
    const { passage } = this;
    if (!passage) return [];
    this.kept ||= passage.begin.map((first, i) => this.points.slice(first, passage.end[i]).join(""));
    return this.kept;
  }

  /**
   * Draw a passage with its rails.
   * @param {Passage | null} passage
   * @param {Rail[]} rails @param {[number, number] | null} marked the selected tokens
   */
  show(passage, rails, marked) {
    if (passage !== this.passage) {
      this.passage = passage;
      this.kept = null;
      this.points = Array.from(passage?.text || ""); // positions count characters, not units of UTF-16
      this.build();
    }
    const now = rails.filter((rail) => !rail.hint),
      hints = rails.filter((rail) => rail.hint);
    const above = levels(now),
      below = levels(hints);
    this.drawn = new Map();
    for (const one of [...now.map((rail, i) => ({ rail, level: above[i] })), ...hints.map((rail, i) => ({ rail, level: below[i] }))])
      for (let token = one.rail.first; token < one.rail.last; token++) {
        const there = this.drawn.get(token);
        if (there) there.push(one);
        else this.drawn.set(token, [one]);
      }
    this.marked = marked;
    for (const [side, used] of Object.entries({ above, below })) {
      const room = String(used.reduce((most, one) => Math.max(most, one), 0) + (used.length ? 1 : 0));
      if (this.el.style.getPropertyValue(`--lw-${side}`) !== room) this.el.style.setProperty(`--lw-${side}`, room);
    }
    for (const piece of this.pieces) {
      piece.fresh = false;
      if (piece.near) this.fill(piece);
    }
  }

  build() {
    this.watcher?.disconnect();
    this.pieces = [];
    const { passage } = this,
      nodes = [];
    const total = passage ? passage.begin.length : 0;
    for (let first = 0; first < total; first += PIECE) {
      const last = Math.min(first + PIECE, total),
        el = h("span", { class: "lw-piece", text: this.between(first, last) });
      const piece = { first, last, el, near: !this.watcher || total <= 4 * PIECE, fresh: false, tokens: [], drawing: [] };
      this.pieces.push(piece);
      nodes.push(el);
    }
    this.el.replaceChildren(...(total ? nodes : [h("span", { class: "lw-empty-line", text: passage?.text || "no text: pass it with text=, or in a column named tokens" })]));
    if (this.watcher) for (const piece of this.pieces) if (!piece.near) this.watcher.observe(piece.el);
    this.el.scrollTop = 0;
  }

  /** The text from one token to another, including spaces before tokens. @param {number} first @param {number} last */
  between(first, last) {
    const { begin, end } = this.passage ?? NO_TEXT;
    return this.points.slice(first ? end[first - 1] : 0, last === begin.length ? this.points.length : end[last - 1]).join("");
  }

  /** @param {IntersectionObserverEntry[]} entries */
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const piece = this.pieces.find((one) => one.el === target);
      if (!piece) continue;
      piece.near = isIntersecting;
      if (isIntersecting && !piece.fresh) this.fill(piece);
    }
  }

  /**
   * Draw the tokens of a piece, or what changed at them. A new focus or selection only changes classes, so that the
   * text is not laid out again.
   * @param {Piece} piece
   */
  fill(piece) {
    const { first, last, el, drawing } = piece;
    piece.fresh = true;
    if (!piece.tokens.length) {
      const { begin, end } = this.passage ?? NO_TEXT;
      /** @type {(Node | string)[]} */
      const nodes = [];
      for (let token = first; token < last; token++) {
        const space = this.points.slice(token ? end[token - 1] : 0, begin[token]).join("");
        if (space) nodes.push(space);
        piece.tokens.push(h("span", { class: "lw-token", "data-token": String(token) }, this.words[token]));
        nodes.push(piece.tokens[token - first]);
      }
      if (last === begin.length) nodes.push(this.points.slice(end[last - 1]).join(""));
      el.replaceChildren(...nodes);
    }
    for (const [at, own] of piece.tokens.entries()) {
      const token = first + at,
        there = this.drawn.get(token) ?? [];
      const now = there.map((one) => this.drawingOf(one, token)).join("\n");
      if (now !== (drawing[at] ?? "")) own.replaceChildren(this.words[token], ...there.map((one) => this.rail(one, token)));
      drawing[at] = now;
      own.classList.toggle("lw-marked", Boolean(this.marked && token >= this.marked[0] && token < this.marked[1]));
      for (const [i, { rail }] of there.entries()) own.children[i].classList.toggle("lw-focused", rail.focused);
    }
  }

  /** All that `rail` draws except the focus. @param {{ rail: Rail, level: number }} options @param {number} token */
  drawingOf({ rail, level }, token) {
    const { key, first, last, name, color, hint } = rail;
    return JSON.stringify([key, first, last, name, color, hint, level, token === first ? this.roomOf(rail, level) : ""]);
  }

  /** @param {{ rail: Rail, level: number }} options @param {number} token */
  rail({ rail, level }, token) {
    const { first, last, name, color, hint, key } = rail;
    const marks = `${hint ? " lw-is-hint" : ""}${token === first ? " lw-first" : ""}${token < last - 1 ? " lw-goes-on" : ""}`;
    return h("i", { class: `lw-rail${marks}`, "data-key": key, style: { "--lw-level": String(level), "--lw-rail": color }, title: hint ? `suggested: ${name}` : name }, token === first ? h("b", { text: name, style: { "max-width": this.roomOf(rail, level) } }) : null);
  }

  /** The width that a name may take before the next span of its level begins, "none" if that is far. @param {Rail} rail @param {number} level */
  roomOf({ first, last, hint }, level) {
    const { begin } = this.passage ?? NO_TEXT;
    for (let token = last; token < begin.length && begin[token] - begin[first] <= FAR; token++)
      if (this.drawn.get(token)?.some((one) => one.level === level && one.rail.hint === hint)) return `${Math.max((begin[token] - begin[first]) * LETTER - 4, 9)}px`;
    return "none";
  }

  /** Scroll a token into view, moving only the text. @param {number} token */
  reveal(token) {
    const piece = this.pieces.find((one) => token >= one.first && token < one.last);
    if (!piece) return;
    if (!piece.fresh) this.fill(piece);
    const own = piece.tokens[token - piece.first];
    this.seeking?.disconnect();
    if (typeof IntersectionObserver === "undefined") return this.scrollTo(own.getBoundingClientRect(), this.el.getBoundingClientRect());
    // tells the places after the next layout; asking for them now would compute an additional one
    this.seeking = new IntersectionObserver(([{ boundingClientRect, rootBounds }]) => {
      this.seeking?.disconnect();
      if (rootBounds) this.scrollTo(boundingClientRect, rootBounds);
    }, { root: this.el });
    this.seeking.observe(own);
  }

  /** @param {DOMRectReadOnly} own @param {DOMRectReadOnly} seen */
  scrollTo(own, seen) {
    const above = own.top - 20 - seen.top,
      below = own.bottom + 20 - seen.bottom;
    if (above < 0) this.el.scrollTop += above;
    else if (below > 0) this.el.scrollTop += below;
  }

  destroy() {
    this.watcher?.disconnect();
    this.seeking?.disconnect();
    this.el.remove();
  }
}
