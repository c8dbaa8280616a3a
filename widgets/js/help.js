/** The list of keys. It lies over a corner and lets every key through. */
import { h } from "./dom.js";
import { digitClasses, keyCap, MEANINGS } from "./keys.js";

/** @param {object} keymap @param {Record<string, number>} digits @param {string[]} classes */
export function helpPanel(keymap, digits, classes, onClose) {
  const digitKeys = Object.keys(digits).sort((a, b) => (a === "0") - (b === "0") || a.localeCompare(b));
  const named = digitKeys.every((digit) => classes[digits[digit]] === digit);
  const span = digitKeys.length > 1 ? `${digitKeys[0]} … ${digitKeys[digitKeys.length - 1]}` : digitKeys[0] || "";
  const lines = [
    [[span], named ? "set the class of that name" : "set a class"],
    [[`⇧ ${span}`], "relabel the selection, one undo step"],
    ...Object.entries(MEANINGS).map(([action, text]) => [(keymap[action] || []).map(keyCap), text]),
  ];
  const mouse = [
    ["drag", "lasso or box; Shift adds, Alt or Ctrl removes"],
    ["wheel", "zoom; middle button pans; double click resets"],
    ["click", "show an example; with Shift add it"],
  ];
  return h(
    "div",
    { class: "lw-panel lw-help", role: "dialog", "aria-label": "keys", hidden: true },
    h(
      "div",
      { class: "lw-row" },
      h("strong", { text: "Keys" }),
      h("span", { class: "lw-space" }),
      h("button", { type: "button", class: "lw-tiny", text: "×", "aria-label": "close", onclick: onClose }),
    ),
    h(
      "dl",
      {},
      ...lines.flatMap(([keys, text]) => [
        h(
          "dt",
          {},
          keys.length ? keys.map((key) => h("kbd", { text: key })) : h("span", { class: "lw-quiet", text: "no key" }),
        ),
        h("dd", { text }),
      ]),
      ...mouse.flatMap(([what, text]) => [
        h("dt", {}, h("span", { class: "lw-quiet", text: what })),
        h("dd", { text }),
      ]),
    ),
  );
}

/** The most used keys of a keymap in one line; without suggestions there is nothing to accept. */
export function keyLine(classes, keymap, suggests = true) {
  const digits = Object.keys(digitClasses(classes));
  const all =
    digits.length === 10 ? "0–9" : digits.length > 1 ? `${digits[0]}–${digits[digits.length - 1]}` : digits[0];
  const first = (action) => keyCap(keymap[action]?.[0] || "");
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

/** @param {object} view */
export function helpFeature(view) {
  const { store, head, keymap } = view;
  const box = helpPanel(keymap, digitClasses(store.classes), store.classes, () => toggle(false));
  const toggle = (open = box.hidden) => {
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
