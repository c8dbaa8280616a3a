/** The list of keys. It covers one corner and does not intercept keys. */
import { h, panelHead } from "./base/dom.js";
import { capOf, digitClasses, keyCap, MEANINGS } from "./base/keys.js";

/**
 * Labels of keys, with the digit keys as a range of those that set a class.
 * @param {string[]} keys @param {Record<string, number>} digits
 */
export function printed(keys, digits) {
  const known = Object.keys(digits).sort((a, b) => Number(a === "0") - Number(b === "0") || a.localeCompare(b));
  const span = known.length > 1 ? `${known[0]} … ${known[known.length - 1]}` : known[0];
  return keys.filter((key) => span || !key.endsWith("digit")).map((key) => keyCap(key).replace("digit", span || "").replace("⇧", key.endsWith("digit") ? "⇧ " : "⇧"));
}

/**
 * The active keys: first those of review mode, then those of the editor.
 * @param {{keymap: Record<string, string[]>, edits: Record<string, string[]>, kind: import("./editors.js").Kind, digits: Record<string, number>, classes: string[]}} keys
 * @param {() => void} onClose
 */
export function helpPanel({ keymap, edits, kind, digits, classes }, onClose) {
  const named = Object.entries(digits).every(([digit, code]) => classes[code] === digit);
  const words = named ? { ...MEANINGS, label: "set the class of that name" } : MEANINGS;
  const lines = Object.entries(words)
    .filter(([action]) => action in keymap)
    .map(([action, text]) => /** @type {[string[], string]} */ ([printed(keymap[action], digits), text]));
  const editing = Object.entries(kind.edits).map(([action, text]) => /** @type {[string[], string]} */ ([printed(edits[action], digits), text]));
  const mouse = [
    ["drag", "lasso or box; Shift adds, Alt or Ctrl removes"],
    ["wheel", "zoom; drag with the middle button to pan; double-click to reset"],
    ["click", "show an example; with Shift, add it to the selection"],
  ];
  return h(
    "div",
    { class: "lw-panel lw-help", role: "dialog", "aria-label": "keys", hidden: true },
    panelHead("Keys", onClose),
    h(
      "dl",
      {},
      ...lines.flatMap(([keys, text]) => keyRow(keys, text)),
      h("dt", { class: "lw-help-part", text: "in the editor" }),
      h("dd", { class: "lw-help-part" }),
      ...editing.flatMap(([keys, text]) => keyRow(keys, text)),
      h("dt", { class: "lw-help-part", text: "by mouse" }),
      h("dd", { class: "lw-help-part" }),
      ...mouse.flatMap(([what, text]) => [h("dt", {}, h("span", { class: "lw-quiet", text: what })), h("dd", { text })]),
    ),
  );
}

/** @param {string[]} keys @param {string} text */
function keyRow(keys, text) {
  const caps = keys.length ? keys.map((key) => h("kbd", { text: key })) : h("span", { class: "lw-quiet", text: "no key" });
  return [h("dt", {}, caps), h("dd", { text })];
}

/**
 * The most used keys of a keymap in one line; `accept` only if there are suggestions.
 * @param {string[]} classes @param {Record<string, string[]>} keymap
 */
export function keyLine(classes, keymap, suggests = true) {
  const digits = Object.keys(digitClasses(classes));
  const all =
    digits.length === 10 ? "0–9" : digits.length > 1 ? `${digits[0]}–${digits[digits.length - 1]}` : digits[0];
  /** @param {string} action */
  const first = (action) => capOf(keymap, action);
  /** @param {string} action @param {string} word */
  const of = (action, word) => first(action) && `${first(action)} ${word}`;
  const parts = [
    all && `${all} label`,
    classes.length > 9 && of("type", "type"),
    suggests && of("accept", "accept"),
    of("keep", "keep"),
    of("skip", "skip"),
    of("undo", "undo"),
    [first("previous"), first("next"), "move"].filter(Boolean).join(" "),
    of("help", "keys"),
  ];
  return parts.filter(Boolean).join("  ·  ");
}

/** @param {import("./main.js").Explorer} view */
export function helpFeature(view) {
  const { store, head, keymap, kind } = view,
    { classes, meta } = store;
  const digits = digitClasses(kind.units ? Array(10).fill("") : classes);
  const keys = { keymap, kind, edits: meta.keymap.edit[kind.task], digits, classes };
  const box = helpPanel(keys, () => toggle(false));
  const toggle = (open = Boolean(box.hidden)) => {
    const was = !box.hidden;
    box.hidden = !open;
    view.under(box, head.help);
    head.help.setAttribute("aria-expanded", String(open));
    return was !== open;
  };
  head.onHelp = () => toggle();
  view.addPanel(box);
  view.registry.onAction("help", () => toggle());
  view.registry.onEscape(() => toggle(false));
}
