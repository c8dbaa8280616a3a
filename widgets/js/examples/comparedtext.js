/** A text whose words that differ from another text are marked. */
import { h } from "../base/dom.js";
import { wordDiff } from "../base/worddiff.js";

/** A text with its differences from another one marked. @param {string} text @param {string|null} from */
export function compared(text, from) {
  const parts = from === null ? [{ kind: "same", text }] : wordDiff(from, text);
  return h(
    "span",
    { class: "lw-text-words", dir: "auto" },
    ...parts.map((part) => (part.kind === "same" ? document.createTextNode(part.text) : h(part.kind === "added" ? "ins" : "del", { text: part.text }))),
  );
}
