/** The units of an example as the page gets them: their order in a list, and their values in words. */

/** A value as the journal holds it, for people: JSON texts lose their quotes. */
export function valueText(value) {
  if (value === null || value === undefined) return "none";
  if (!/^["[]|^null$/.test(value)) return value;
  try {
    const plain = JSON.parse(value);
    return plain === null ? "nothing" : Array.isArray(plain) ? plain.join(", ") : String(plain);
  } catch {
    return value;
  }
}

/** The order of the lines: doubtful ones first, then what was decided, then what is given, each by its name. */
export function inOrder(units, blind) {
  const place = (unit) => (unit.doubted && !blind ? 0 : unit.decided ? 1 : unit.given !== null && unit.given !== "no" ? 2 : 3);
  const doubt = (unit) => (place(unit) === 0 ? -(unit.p_error ?? 0) : 0);
  return [...units].sort((a, b) => place(a) - place(b) || doubt(a) - doubt(b) || String(a.name).localeCompare(String(b.name), undefined, { numeric: true }));
}
