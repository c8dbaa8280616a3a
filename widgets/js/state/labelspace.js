/** The label space for editors: names and colours of classes or tags, including added ones. */
import { shortNames } from "../base/format.js";
import { matchingClasses } from "../base/keys.js";

/**
 * @param {import("./store.js").Store} store @param {import("../maps/paint.js").Paint} paint
 * @returns {import("../editors.js").Space}
 */
export function labelSpace(store, paint) {
  const classes = store.space,
    gone = (/** @type {number} */ code) => store.gone.has(code),
    known = (/** @type {number} */ code) => code >= 0 && code < classes.length;
  return {
    classes,
    choices: store.meta.choices,
    gone,
    lacks: (name) => !classes.some((one, code) => one === name && !gone(code)),
    matches: (text, most) => matchingClasses(classes, text, most, gone),
    className: (code) => (known(code) ? classes[code] : "unlabelled"),
    shortName: (code, most) => (known(code) ? shortNames(classes, most)[code] : "unlabelled"),
    color: (code) => paint.classColor(code, classes.length),
  };
}
