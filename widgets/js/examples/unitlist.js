/** The units of an example: their order in a list, and their values as text. */
/** @import { UnitInfo } from "../state/messages.js" */

/** A stored value as readable text: JSON strings without their quotes. @param {string|null|undefined} value @returns {string} */
export function valueText(value) {
  if (value === null || value === undefined) return "none";
  if (!/^["[{]|^null$/.test(value)) return value;
  try {
    const plain = JSON.parse(value);
    if (plain === null) return "nothing";
    if (typeof plain === "object" && plain.label) return String(plain.label); // with a position, which is drawn
    if (typeof plain === "object" && "grade" in plain) return plain.grade === null ? "unjudged" : String(plain.grade);
    return Array.isArray(plain) ? plain.join(", ") : String(plain);
  } catch {
    return value;
  }
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
