/** The units of an example: their order in a list, and their values as text. */
/** @import { UnitInfo } from "../state/messages.js" */

/** Name of pixels without a label. */
export const IGNORED = "ignore";

/** A stored value as readable text: JSON strings without their quotes. @param {string|null|undefined} value @returns {string} */
export function valueText(value) {
  if (value === null || value === undefined) return "none";
  if (!/^["[{]|^null$/.test(value)) return value;
  try {
    const plain = JSON.parse(value);
    if (plain === null) return "nothing";
    if (plain.region) return plain.label ?? IGNORED;
    if (typeof plain === "object" && plain.label) return String(plain.label); // with a position, which is drawn
    if (typeof plain === "object" && "grade" in plain) return plain.grade === null ? "unjudged" : String(plain.grade);
    return Array.isArray(plain) ? plain.join(", ") : String(plain);
  } catch {
    return value;
  }
}

/** Whether a unit is in the queue of a kind of error, such as "overlooked" or "class, cat → dog". @param {UnitInfo} unit @param {string} kind */
export function isOfKind(unit, kind) {
  return Boolean(unit.kind) && (unit.kind === kind || kind === `${unit.kind}, ${valueText(unit.given)} → ${valueText(unit.suggested)}`);
}

/**
 * Sort units: suspicious ones first, then decided ones, then given ones, each group by name.
 * @param {UnitInfo[]} units @param {boolean} blind
 */
export function inOrder(units, blind) {
  /** @param {UnitInfo} unit */
  const place = (unit) => (unit.doubted && !blind ? 0 : unit.decided ? 1 : unit.given !== null && unit.given !== "no" ? 2 : 3);
  /** @param {UnitInfo} unit */
  const doubt = (unit) => (place(unit) === 0 ? -(unit.p_error ?? 0) : 0);
  return [...units].sort((a, b) => place(a) - place(b) || doubt(a) - doubt(b) || String(a.name).localeCompare(String(b.name), undefined, { numeric: true }));
}

/** Create a key for an object added by the user. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `a${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The lines of a list of units. Unchanged lines are kept, since a decision changes only one or two of many. */
export class KeptLines {
  /** @type {Map<string, { look: string, el: HTMLElement }>} by the key of their unit */
  lines = new Map();
  frame = 0;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /**
   * @param {UnitInfo[]} units
   * @param {(unit: UnitInfo, i: number) => string} lookOf all that a line depends on
   * @param {(unit: UnitInfo, i: number) => HTMLElement} lineOf
   */
  draw(units, lookOf, lineOf) {
    const before = this.lines;
    this.lines = new Map(
      units.map((unit, i) => {
        const look = lookOf(unit, i),
          old = before.get(unit.key);
        return [unit.key, old?.look === look ? old : { look, el: lineOf(unit, i) }];
      }),
    );
    const order = [...before.keys()],
      { children } = this.list,
      wanted = [...this.lines].map(([key, { el }]) => ({ key, el }));
    if (order.length === wanted.length && wanted.every(({ key }, i) => key === order[i]))
      wanted.forEach(({ el }, i) => children[i] !== el && children[i].replaceWith(el));
    else this.list.replaceChildren(...wanted.map(({ el }) => el));
  }

  /** Scroll the line in focus into view with the next frame, whose layout it needs: a decision draws several times. */
  reveal() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.scroll());
  }

  /** Scroll the line in focus into view, moving only the list. */
  scroll() {
    const { list } = this,
      /** @type {HTMLElement | null} */
      el = list.querySelector(".lw-focused");
    if (!el) return;
    const top = el.offsetTop - list.offsetTop,
      bottom = top + el.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }
}
