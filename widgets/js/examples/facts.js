/** Lines of facts about an example: a name, and a value, a meter or a text beside it. */
import { h } from "../base/dom.js";
import { probability } from "../base/format.js";

/** One fact: its name and its content. @param {string} name @param {Node} content */
export function factLine(name, content) {
  return h("div", { class: "lw-fact" }, h("span", { class: "lw-fact-name", text: name }), content);
}

/** Text for something unknown or hidden. @param {string} text */
export const quiet = (text) => h("span", { class: "lw-quiet", text });

/** A fact of two lines: name and detail, and the value below them. @param {string} name @param {Node} value */
export function tallFact(name, value, { detail = "", title = "" } = {}) {
  return h(
    "div",
    { class: "lw-fact lw-fact-tall" },
    h("span", { class: "lw-fact-name", text: name }),
    h("span", { class: "lw-num lw-quiet lw-clip", text: detail, title }),
    value,
  );
}

/** Names of the verdicts that leave the label unchanged. @type {Record<number, string>} */
export const STAYS = { 2: "kept", 3: "skipped" };

/**
 * The line about the decision, with the flag of the example.
 * @param {string} said @param {{ verdict: number, flagged: boolean }} options
 */
export function decisionLine(said, { verdict, flagged }) {
  const text = said + (flagged ? " · ⚑" : "");
  return factLine("decision", h("span", { class: `lw-fact-value${verdict ? " lw-strong" : " lw-quiet"}` }, h("span", { class: "lw-clip", text, title: text })));
}

/** A probability as a bar with its number. @param {number|null|undefined} p @param {{ text: string, title: string, label: string }} options */
export function meter(p, { text, title, label }) {
  return h(
    "span",
    { class: "lw-fact-value", title },
    h("span", { class: "lw-meter", role: "img", "aria-label": `${label}: ${probability(p)}` }, h("span", { style: { width: `${100 * (p || 0)}%` } })),
    h("span", { class: "lw-num", text: `${text}${probability(p)}` }),
  );
}
