/** A panel beside the filters: tags that go together, and the examples in which such a rule is broken. */
import { arrayOf, unpackMask } from "../base/bits.js";
import { fillSelect, h } from "../base/dom.js";
import { count } from "../base/format.js";
import { CountedPanel } from "./countedpanel.js";

/** Selectable shares of examples in which a rule must hold, and the initial one. */
const SHARES = [0.99, 0.95, 0.9, 0.8, 0.65, 0.5];
const FIRST = 0.9;

/** @param {number} share */
const asShare = (share) => `${share > 0.995 && share < 1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;

/** Describe a rule in a sentence. @param {import("../state/messages.js").TagRule} rule */
export function ruleInWords({ tag, other, implies, count: n, share, expected, broken }) {
  const follows = n - broken;
  return [
    `${tag} ${implies ? "implies" : "excludes"} ${other}: ${count(follows)} of ${count(n)} examples with ${tag} ${implies ? "have" : "do not have"} ${other}`,
    `(${asShare(share)}; ${asShare(expected)} if the two tags were independent).`,
    broken ? `Click to select the ${count(broken)} that break${broken === 1 ? "s" : ""} the rule.` : "Click to select the examples that follow it.",
  ].join(" ");
}

export class SetsPanel extends CountedPanel {
  /** @param {import("./countedpanel.js").PanelOptions} options */
  constructor(options) {
    const least = h("select", {
      "aria-label": "share of examples that follow a rule",
      title: "share of the examples with the first tag in which the rule must hold",
      onchange: () => this.ask(),
    });
    super(options, { name: "tags that go together", mark: "lw-of-rules", tools: [least] });
    this.least = least;
    fillSelect(this.least, [["", SHARES.map((share) => [String(share), `rules ≥ ${asShare(share)}`])]], String(FIRST));
  }

  async request() {
    return (await this.wire.ask("rules", { least: Number(this.least.value) })).body;
  }

  /** @param {import("../state/messages.js").RulesAnswer} answer */
  fill({ rules, total }) {
    this.list.replaceChildren(
      h(
        "div",
        { class: "lw-set-row lw-quiet" },
        h("span", { text: "tag" }),
        h("span", {}),
        h("span", { text: "other" }),
        h("span", { class: "lw-num", text: "holds", title: "share of the examples with the first tag that follow the rule" }),
        h("span", { class: "lw-num", text: "broken", title: "examples that break the rule" }),
      ),
      ...rules.map((rule) => this.line(rule)),
    );
    const left = total - rules.length;
    this.how.textContent = rules.length
      ? `Counted from the tags as they are now, of tags with at least 10 examples.${left ? ` ${count(left)} more rules are not listed.` : ""}`
      : "No rule holds in this share of the examples.";
  }

  /** @param {import("../state/messages.js").TagRule} rule */
  line(rule) {
    const words = ruleInWords(rule);
    return h(
      "button",
      { type: "button", class: "lw-set-row", title: words, "aria-label": words, onclick: () => this.pick(rule) },
      h("span", { class: "lw-clip", text: rule.tag }),
      h("span", { class: "lw-quiet", text: rule.implies ? "→" : "≠" }),
      h("span", { class: "lw-clip", text: rule.other }),
      h("span", { class: "lw-num lw-quiet", text: asShare(rule.share) }),
      h("span", { class: `lw-num${rule.broken ? "" : " lw-quiet"}`, text: rule.broken ? count(rule.broken) : "–" }),
    );
  }

  /** @param {import("../state/messages.js").TagRule} rule */
  async pick({ tag, other, implies, broken }) {
    try {
      const { body, buffers } = await this.wire.ask("rule", { tag, other, implies, broken: broken > 0 });
      const name = implies ? `${tag} ${broken ? "without" : "with"} ${other}` : `${tag} ${broken ? "with" : "without"} ${other}`;
      this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), name, body.unit);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }
}

/** @param {import("../main.js").Explorer} view */
export function setsFeature(view) {
  const { store, wire, fail } = view;
  if (store.meta.task !== "multilabel" || store.space.length < 2) return;
  const panel = new SetsPanel({ store, wire, fail, showSlice: (mask, name, unit) => view.showSlice(mask, name, unit) });
  view.addTab("sets", panel.el, () => panel.draw());
}
