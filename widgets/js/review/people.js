/** A panel on authors and annotators, their pace and agreement; also the pace in the top bar. */
import { leftInWords } from "./audit.js";
import { arrayOf, unpackMask } from "../base/bits.js";
import { h } from "../base/dom.js";
import { count, probability } from "../base/format.js";
/** @import { Pace } from "../state/messages.js" */

/** Delay after a decision before the pace is requested, ms. */
const PACE_PAUSE = 1500;

export class PeoplePanel {
  /**
   * @param {{ store: import("../state/store.js").Store, wire: import("../state/wire.js").Wire, showSlice: (mask: Uint8Array, name: string) => void,
   *   fail: (error: Error) => void }} options
   */
  constructor({ store, wire, showSlice, fail }) {
    this.store = store;
    this.wire = wire;
    this.showSlice = showSlice;
    this.fail = fail;
    this.el = h("div", { class: "lw-side lw-people", role: "tabpanel", "aria-label": "people", hidden: true });
  }

  async draw() {
    if (!this.el.children.length) this.el.replaceChildren(h("span", { class: "lw-quiet", text: "counting…" }));
    try {
      const { body } = await this.wire.ask("people");
      this.fill(body);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  /** @param {import("../state/messages.js").PeopleAnswer} answer */
  fill({ author, pace, authors = [], withheld, annotators = [] }) {
    this.el.replaceChildren(
      h("h4", { text: `${author}, this session` }),
      h("p", { text: paceInWords(pace) || "no decision yet" }),
      h("h4", { text: "Do authors agree?" }),
      ...this.authors(authors, withheld),
      h("h4", { text: "Annotators" }),
      ...this.annotators(annotators),
    );
  }

  /** @param {import("../state/messages.js").Pair[]} pairs @param {number|undefined} withheld */
  authors(pairs, withheld) {
    if (withheld) {
      const why = `Shown once you have judged all the examples that others have: ${count(withheld)} left. Until then it would reveal their verdicts.`;
      return [h("p", { class: "lw-quiet", text: why })];
    }
    if (!pairs.length) {
      const how = "No example has been judged by two people. To give a second opinion, open the run with author= and second_opinion=True.";
      return [h("p", { class: "lw-quiet", text: how })];
    }
    return pairs.map(({ a, b, text, differ }) =>
      h(
        "button",
        {
          type: "button",
          class: "lw-people-row",
          title: "select the examples on which they differ",
          disabled: !differ,
          onclick: () => this.pick({ authors: [a, b] }, `${a} and ${b} differ`),
        },
        h("span", { class: "lw-clip", text: `${a} · ${b}` }),
        h("span", { class: "lw-num", text: differ ? `${count(differ)} differ` : "no difference" }),
        h("span", { class: "lw-quiet lw-people-text", text }),
      ),
    );
  }

  /** @param {import("../state/messages.js").Annotator[]} people */
  annotators(people) {
    if (!people.length) return [h("p", { class: "lw-quiet", text: "No votes: wb.review.save_votes(run, frame) stores them." })];
    return people.map(({ name, votes, quality, often }) =>
      h(
        "button",
        {
          type: "button",
          class: "lw-people-row",
          title: "select the examples on which this annotator differs from the consensus",
          onclick: () => this.pick({ annotator: name }, `${name} against the consensus`),
        },
        h("span", { class: "lw-clip", text: name }),
        h("span", { class: "lw-num", text: `quality ${probability(quality)}` }),
        h("span", { class: "lw-quiet lw-people-text", text: `${count(votes)} votes · most often ${often}` }),
      ),
    );
  }

  /** @param {import("../state/messages.js").DifferRequest} body @param {string} name */
  async pick(body, name) {
    try {
      const { buffers } = await this.wire.ask("differ", body);
      this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), name);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }
}

/** "43 decisions, 12 a minute", or "" before the first decision. @param {Pace|null} pace */
export function paceInWords(pace) {
  if (!pace?.decisions) return "";
  const word = pace.decisions === 1 ? "decision" : "decisions";
  return `${count(pace.decisions)} ${word}${pace.per_minute ? `, ${paceOf(pace.per_minute)} a minute` : ""}`;
}

/** @param {number} rate a minute */
const paceOf = (rate) => (rate < 10 ? rate.toFixed(1) : count(rate));

/** Progress, pace and remaining errors: "14/180 done · 12/min · about 41 left, from the detector". @param {import("../main.js").Explorer} view */
export function peopleFeature(view) {
  const { store, wire, registry, fail } = view;
  const panel = new PeoplePanel({ store, wire, fail, showSlice: (mask, name) => view.showSlice(mask, name) });
  view.addTab("people", panel.el, () => panel.draw());
  const el = h("span", { class: "lw-num lw-quiet lw-pace" });
  view.head.standing.before(el);
  /** @type {Pace | null} */
  let pace = null;
  let timer = 0;
  const show = () => {
    const { done, total } = store.progress();
    const rate = pace?.per_minute ? ` · ${paceOf(pace.per_minute)}/min` : "";
    const left = leftInWords(store.meta.audit);
    el.textContent = [total ? `${count(done)}/${count(total)} done${rate}` : "", left].filter(Boolean).join(" · ");
    el.title = [
      el.textContent,
      "decided examples of the queue",
      paceInWords(pace) && `this session: ${paceInWords(pace)}`,
      left && store.meta.audit.title,
    ]
      .filter(Boolean)
      .join("; ");
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      try {
        pace = (await wire.ask("people", { pace: true })).body.pace;
        show();
      } catch {
        /* the old pace stays; nothing depends on it */
      }
    }, PACE_PAUSE);
  };
  store.on("labels", () => {
    show();
    later();
  });
  for (const topic of ["list", "mask", "count"]) store.on(topic, show);
  registry.on("start", show);
  registry.onEnd(() => clearTimeout(timer));
}
