/** Map key presses to actions: pure functions, testable without a page. The presets are defined in Python. */

/** @typedef {Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey"> & Partial<KeyboardEvent>} KeyPress */

/** Descriptions of the actions of review mode; their keys are in `widgets.wire.keymaps`. */
export const MEANINGS = {
  label: "set a class",
  labelSelection: "relabel the selection, one undo step",
  accept: "accept the suggestion",
  keep: "keep the given label",
  confirmAll: "confirm the undecided labels of the example",
    nothing: "answer “nothing here” or “no”",
  unknown: "answer “unknown”",
  skip: "skip, decide later",
  flag: "flag or unflag",
  undo: "undo the last decision",
  redo: "redo the decision",
  nextUnit: "next unit of the example",
  previousUnit: "previous unit of the example",
  neighbors: "select the neighbours",
  next: "next example",
  previous: "previous example",
  type: "type a class name",
  edit: "open the editor of the example; Esc leaves it",
  note: "write a note",
  hide: "hide or show suggestions",
  clear: "clear the selection",
    trails: "show trails over epochs for the selection or this example",
  enlarge: "enlarge the picture or text; again to close",
  grid: "show a grid of many examples; again to close",
  zoomIn: "larger: the enlarged example, the grid or the maps",
  zoomOut: "smaller",
    pixels: "enlarged picture: original size; again to fit",
  undoView: "undo a change of the view: filters, selection, colour, zoom",
  redoView: "redo a change of the view",
  help: "show or hide this help",
  leave: "close, then leave the view",
};

/** Actions that only some kinds of labels have. */
/** @type {Record<string, "nothing" | "units">} */
const OF_TASK = { nothing: "nothing", unknown: "units", nextUnit: "units", previousUnit: "units" };

/**
 * The active keys for a kind of label. With one unit per example, Tab moves the focus as usual.
 * @param {Record<string, string[]>} keymap @param {{nothing?: boolean, units?: boolean}} editor
 */
export function inForce(keymap, editor) {
  return Object.fromEntries(Object.entries(keymap).filter(([action]) => !OF_TASK[action] || editor[OF_TASK[action]]));
}

/**
 * The class that each digit key sets: {digit: class index}. If all class names are single digits, the key is the name
 * (key 3 sets class "3"); otherwise keys 1..9 are the first nine classes and 0 the tenth.
 * @param {string[]} classes @returns {Record<string, number>}
 */
export function digitClasses(classes) {
  const named = classes.length > 0 && classes.every((name) => /^[0-9]$/.test(name));
  const pairs = named
    ? classes.map((name, i) => [name, i])
    : classes.slice(0, 10).map((_, i) => [String((i + 1) % 10), i]);
  return Object.fromEntries(pairs);
}

/**
 * The digit of a key event by its position on the keyboard, also with Shift and on the number pad; null for other keys.
 * @param {KeyPress} event
 */
export function digitOf(event) {
  const [, row, pad] = /^(?:Digit([0-9])|Numpad([0-9]))$/.exec(event.code || "") || [];
  if (row !== undefined) return row;
  if (pad !== undefined && event.key === pad) return pad; // otherwise an arrow, without Num Lock
  return /^[0-9]$/.test(event.key) ? event.key : null;
}

/** Characters of keys whose output changes with Alt on some systems. */
/** @type {Record<string, string>} */
const PLACES = { Period: ".", Comma: "," };

/** The modifiers and the key. Shift and Caps Lock affect letters; AltGr is part of a character. @param {KeyPress} event */
function pressed(event) {
  const typed = event.getModifierState?.("AltGraph"),
    ctrl = !typed && (event.ctrlKey || event.metaKey),
    alt = !typed && event.altKey;
  let { key } = event;
  const letter = /^Key([A-Z])$/.exec(event.code || "")?.[1];
  if (letter && (alt || /^[^\x00-\x7f]$/.test(key))) key = letter; // Alt+h types "˙" on a Mac, and other scripts have other letters
  else if (alt && PLACES[event.code || ""]) key = PLACES[event.code || ""];
  if (key.length === 1) key = event.shiftKey ? key.toUpperCase() : key.toLowerCase();
  return { held: `${ctrl ? "Ctrl+" : ""}${alt ? "Alt+" : ""}`, shift: event.shiftKey ? "Shift+" : "", key };
}

/** The name of a pressed key as used in keymaps: "k", "K", " ", "Enter", "Shift+Tab", "Ctrl+z", "Alt+ArrowLeft". @param {KeyPress} event */
export function keyName(event) {
  const { held, shift, key } = pressed(event);
  return held + (key.length > 1 ? shift : "") + key;
}

/**
 * The action of a key press: {action, digit?}, or null if there is none. A digit key counts as a digit on every keyboard
 * layout; with Shift, a character of the keymap has precedence. Other named keys have the same action with Shift.
 * @param {KeyPress} event @param {Record<string, string[]>} keymap
 */
export function actionOf(event, keymap) {
  if (event.isComposing) return null;
  const { held, shift, key } = pressed(event),
    digit = digitOf(event),
    digits = digit === null ? [] : [`${held}${shift}digit`],
    names = [keyName(event), held + key];
  for (const name of shift ? [...names, ...digits] : [...digits, ...names])
    for (const [action, keys] of Object.entries(keymap)) if (keys.includes(name)) return digit !== null && digits.includes(name) ? { action, digit } : { action };
  return null;
}

/** @type {Record<string, string>} */
const CAPS = {
  " ": "Space",
  ArrowRight: "→",
  ArrowLeft: "←",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  Backspace: "⌫",
  Delete: "Del",
};

/**
 * The label of a key.
 * @param {string} key @returns {string}
 */
export function keyCap(key) {
  if (CAPS[key]) return CAPS[key];
  const [, held, rest] = /^(Ctrl|Alt|Shift)\+(.+)$/.exec(key) || [];
  if (held) return `${held === "Shift" ? "⇧" : `${held} `}${keyCap(rest)}`;
  return /^[A-Z]$/.test(key) ? `⇧${key.toLowerCase()}` : key;
}

/** The label of the first key of an action, "" if it has none. @param {Record<string, string[]>} keymap @param {string} action */
export const capOf = (keymap, action) => keyCap(keymap[action]?.[0] || "");

/**
 * Indices of classes whose names contain all typed words, those that start with the text first; at most `most`, none `without`.
 * @param {string[]} classes @param {string} text @param {(code: number) => boolean} [without]
 */
export function matchingClasses(classes, text, most = 8, without = (code) => false) {
  const wanted = text.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter(Boolean);
  const hits = classes
    .map((name, i) => /** @type {[string, number]} */ ([name.toLowerCase(), i]))
    .filter(([name, i]) => words.every((word) => name.includes(word)) && !without(i));
  /** @param {[string, number]} options */
  const rank = ([name]) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : 2);
  return hits
    .sort((a, b) => rank(a) - rank(b) || a[1] - b[1])
    .slice(0, most)
    .map(([, i]) => i);
}
