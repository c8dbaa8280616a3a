/** From a key press to an action: pure, so that every keymap can be tested without a page. */

export const KEYMAPS = {
  default: {
    accept: [" "],
    keep: ["k"],
    skip: ["s"],
    flag: ["f"],
    undo: ["u"],
    redo: ["U"],
    neighbors: ["n"],
    next: ["ArrowRight", "ArrowDown", "j"],
    previous: ["ArrowLeft", "ArrowUp"],
    type: ["/"],
    note: ["m"],
    blind: ["b"],
    clear: ["Backspace", "Delete"],
    trails: ["t"],
    enlarge: ["z"],
    grid: ["g"],
    zoomIn: ["+", "="],
    zoomOut: ["-"],
    pixels: ["o"],
    undoView: ["Ctrl+z"],
    redoView: ["Ctrl+y", "Ctrl+Z"],
    help: ["?"],
    leave: ["Escape"],
  },
  prodigy: {
    accept: ["a"],
    keep: ["x"],
    skip: [" "],
    flag: ["f"],
    undo: ["u", "Backspace"],
    redo: ["U"],
    neighbors: ["n"],
    next: ["ArrowRight", "ArrowDown", "j"],
    previous: ["ArrowLeft", "ArrowUp"],
    type: ["/"],
    note: ["m"],
    blind: ["b"],
    clear: ["Delete"],
    trails: ["t"],
    enlarge: ["z"],
    grid: ["g"],
    zoomIn: ["+", "="],
    zoomOut: ["-"],
    pixels: ["o"],
    undoView: ["Ctrl+z"],
    redoView: ["Ctrl+y", "Ctrl+Z"],
    help: ["?"],
    leave: ["Escape"],
  },
};

export const MEANINGS = {
  accept: "accept the suggestion",
  keep: "keep the given label",
  skip: "skip, decide later",
  flag: "flag or unflag",
  undo: "undo",
  redo: "redo",
  neighbors: "select the neighbours",
  next: "next example",
  previous: "previous example",
  type: "type a class name",
  note: "write a note",
  blind: "hide or show suggestions",
  clear: "clear the selection",
  trails: "trails over epochs, of the selection or of this example",
  enlarge: "enlarge the example: picture or text; again to close",
  grid: "a grid of many examples; again to close",
  zoomIn: "larger: the enlarged example, the grid or the maps",
  zoomOut: "smaller",
  pixels: "enlarged picture: original pixels, again to fit",
  undoView: "undo a change of the view: filters, selection, colour, zoom",
  redoView: "redo a change of the view",
  help: "show or hide this help",
  leave: "close, then leave the view",
};

/** A keymap by name, or the default with an own dict of {action: key or [keys]} laid over it. */
export function keymapOf(choice) {
  if (!choice) return KEYMAPS.default;
  if (typeof choice === "string") return KEYMAPS[choice] || KEYMAPS.default;
  const own = Object.fromEntries(Object.entries(choice).map(([action, keys]) => [action, [keys].flat()]));
  const taken = new Set(Object.values(own).flat());
  const base = Object.fromEntries(
    Object.entries(KEYMAPS.default).map(([a, keys]) => [a, keys.filter((key) => !taken.has(key))]),
  );
  return { ...base, ...own };
}

/**
 * Which class each digit key sets: {digit: class index}. Where every class is named by one digit the key is its
 * name (key 3 sets class "3"); otherwise keys 1..9 are the first nine classes and 0 the tenth.
 */
export function digitClasses(classes) {
  const named = classes.length > 0 && classes.every((name) => /^[0-9]$/.test(name));
  const pairs = named
    ? classes.map((name, i) => [name, i])
    : classes.slice(0, 10).map((_, i) => [String((i + 1) % 10), i]);
  return Object.fromEntries(pairs);
}

/** The digit of a key event, also with shift held and on the number pad; null for other keys. */
export function digitOf(event) {
  const match = /^(?:Digit|Numpad)([0-9])$/.exec(event.code || "");
  if (match) return match[1];
  return /^[0-9]$/.test(event.key) ? event.key : null;
}

/** What a key press means: {action, digit?} or null when it means nothing here. */
export function actionOf(event, keymap) {
  if (event.altKey || event.isComposing) return null;
  if (event.ctrlKey || event.metaKey) {
    const chord = Object.entries(keymap).find(([, keys]) => keys.includes(`Ctrl+${event.key}`));
    return chord ? { action: chord[0] } : null;
  }
  for (const [action, keys] of Object.entries(keymap)) if (keys.includes(event.key)) return { action };
  const digit = digitOf(event);
  if (digit !== null) return { action: event.shiftKey ? "labelSelection" : "label", digit };
  const lower = event.shiftKey ? null : event.key.length === 1 ? event.key.toLowerCase() : null; // caps lock
  for (const [action, keys] of Object.entries(keymap)) if (lower && keys.includes(lower)) return { action };
  return null;
}

/** A key as it is printed on a key cap. */
export function keyCap(key) {
  const names = {
    " ": "Space",
    ArrowRight: "→",
    ArrowLeft: "←",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    Backspace: "⌫",
    Delete: "Del",
  };
  if (names[key]) return names[key];
  if (key.startsWith("Ctrl+")) return `Ctrl ${keyCap(key.slice(5))}`;
  return /^[A-Z]$/.test(key) ? `⇧${key.toLowerCase()}` : key;
}

/** Classes whose name holds every typed word, those that begin with the text first; at most `most` indices. */
export function matchingClasses(classes, text, most = 8) {
  const wanted = text.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter(Boolean);
  const hits = classes
    .map((name, i) => [name.toLowerCase(), i])
    .filter(([name]) => words.every((word) => name.includes(word)));
  const rank = ([name]) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : 2);
  return hits
    .sort((a, b) => rank(a) - rank(b) || a[1] - b[1])
    .slice(0, most)
    .map(([, i]) => i);
}
