/** One example under the loupe: picture or text, labels, reasons, curve, neighbours, and the buttons of the keys. */
import { drawCurve, gapsInWords } from "./curve.js";
import { h } from "./dom.js";
import { clip, count, probability } from "./format.js";
import { digitClasses, keyCap, MEANINGS } from "./keys.js";
import { swatch } from "./legend.js";
import { mediaNode } from "./media.js";
import { TypeBox } from "./typebox.js";

/** Answers of `inspect` kept in memory. */
const ANSWERS_KEPT = 200;
/** Class buttons shown beside the type-ahead box. */
const BUTTONS = 10;

const HIDDEN = "hidden until you choose";
const TRAINING = "probability that the recorded training gave to a class after each epoch; it has seen the given label";
/** Whose probability stands beside a label. */
const WHOSE = {
  given: (name, epoch) => `p_given: probability of ${name} in epoch ${epoch} of the recorded training, which has seen the given label`,
  suggested: (name) => `p_suggested: probability, by the detector, that ${name} is the right label`,
  wrong: "p_error: probability, by the detector, that the given label is wrong",
};

export class Inspector {
  /** @param {{store: object, wire: object, media: object, paint: object, theme: Function, actions: object, keymap: object, onPick: Function, fail: Function}} options */
  constructor(options) {
    Object.assign(this, { emptyQueue: () => "The queue is empty." }, options, { answers: new Map(), timer: 0 });
    const { store } = this;
    this.digits = digitClasses(store.classes);
    this.keyOf = Object.fromEntries(Object.entries(this.digits).map(([digit, code]) => [code, digit]));
    this.build();
    store.on("cursor", () => this.show());
    store.on("labels", () => {
      this.forgetNotes();
      this.facts();
      this.queue();
      this.titleNeighbors();
      this.neighborCaptions();
    });
    for (const topic of ["list", "mask", "count"]) store.on(topic, () => this.queue());
  }

  build() {
    const { meta } = this.store;
    this.title = h("span", { class: "lw-title" });
    this.place = h("span", { class: "lw-num lw-place" });
    this.bar = h("span", { class: "lw-progress-fill" });
    this.picture = h("div", { class: "lw-picture" });
    this.labels = h("div", { class: "lw-labels" });
    this.why = h("ul", { class: "lw-why", "aria-label": "why it is suspected" });
    this.choices = h("div", { class: "lw-choices", role: "group", "aria-label": "classes" });
    this.typeBox = new TypeBox({
      store: this.store,
      paint: this.paint,
      many: this.store.classes.length > BUTTONS,
      onClass: (code) => this.actions.label(code, "typed"),
      onNote: (text) => this.saveNote(text),
      onMode: (typing) => this.el.classList.toggle("lw-typing", typing),
      onLeave: () => this.onLeave?.(),
    });
    this.acts = h("div", { class: "lw-acts", role: "group", "aria-label": "decisions" });
    this.noteLine = h("div", { class: "lw-note", role: "note", dir: "auto", hidden: true });
    this.curve = h("canvas", { class: "lw-curve", role: "img" });
    this.gaps = h("p", { class: "lw-fine lw-quiet", hidden: true });
    this.strip = h("div", { class: "lw-neighbors", "aria-label": "nearest neighbours" });
    this.neighborTitle = h("span");
    this.table = h("dl", { class: "lw-columns" });
    this.el = h(
      "section",
      { class: `lw-inspector lw-of-${this.media.shape} lw-kind-${this.media.kind}`, "aria-label": "example" },
      h(
        "div",
        { class: "lw-part lw-part-look" },
        h("div", { class: "lw-row" }, this.title, h("span", { class: "lw-space" }), this.place),
        h("div", { class: "lw-progress", "aria-hidden": "true" }, this.bar),
        h("div", { class: "lw-look" }, this.picture, this.labels),
      ),
      h(
        "div",
        { class: "lw-part lw-part-decide" },
        this.why,
        h("div", { class: "lw-choose" }, this.choices, this.typeBox.el),
        this.acts,
        this.noteLine,
      ),
      h(
        "div",
        { class: "lw-part lw-part-more" },
        ...(meta.epochs.length ? [h("h4", { text: `p in the training, over epochs${meta.pooled ? ` of ${meta.pooled}` : ""}`, title: TRAINING }), this.curve, this.gaps] : []),
        h("h4", {}, this.neighborTitle),
        this.strip,
        this.table,
      ),
    );
    this.buildChoices();
    this.buildActs();
    this.why.hidden = this.store.meta.doubted === false;
  }

  buildChoices() {
    const { store } = this,
      colors = this.paint.classColors(),
      codes = Object.values(this.digits).sort((a, b) => a - b);
    this.choices.replaceChildren(
      ...codes.map((code) =>
        h(
          "button",
          {
            type: "button",
            class: "lw-choice",
            "data-code": code,
            title: `${store.classes[code]} (key ${this.keyOf[code]})`,
            onclick: () => this.actions.label(code, "button"),
          },
          h("kbd", { text: this.keyOf[code] }),
          swatch(colors[code]),
          h("span", { class: "lw-clip", text: store.shortName(code, 17) }),
        ),
      ),
    );
    const longest = Math.max(0, ...codes.map((code) => store.classes[code].length));
    this.choices.style.setProperty("--lw-choice-columns", longest <= 2 ? 5 : longest > 9 || codes.length <= 4 ? 2 : 3);
    this.el.classList.toggle("lw-many", store.classes.length > BUTTONS);
  }

  buildActs() {
    const cap = (action) => keyCap(this.keymap[action]?.[0] || "");
    const act = (action, text, run) =>
      h(
        "button",
        {
          type: "button",
          class: "lw-act",
          "data-action": action,
          title: MEANINGS[action],
          "aria-label": MEANINGS[action],
          onclick: run,
        },
        h("span", { text }),
        cap(action) && h("kbd", { text: cap(action) }),
      );
    const { actions } = this;
    const { suggests } = this.store.meta;
    this.acts.replaceChildren(
      ...(suggests === false ? [] : [act("accept", "Accept", () => actions.accept())]),
      act("keep", "Keep", () => actions.keep()),
      act("skip", "Skip", () => actions.skip()),
      act("flag", "⚑", () => actions.flag()),
      act("note", "✎", () => this.openNote()),
    );
  }

  /* ---- what is shown ---- */

  /** Ask for a row (and the next ones) and show it as soon as it is here. */
  async show() {
    const { store } = this,
      { row } = store;
    this.typeBox.close();
    this.el.classList.toggle("lw-nothing", row < 0);
    for (const button of this.el.querySelectorAll(".lw-act, .lw-choice")) button.disabled = row < 0;
    if (row < 0) {
      this.empty();
      return;
    }
    this.facts();
    this.queue();
    this.drawPicture(this.media.peek(row));
    const known = this.answers.get(row);
    if (known) this.fill(known);
    else this.waiting();
    try {
      const answer = known || (await this.fetch(row));
      if (store.row === row && !known) this.fill(answer);
      this.ahead();
    } catch (error) {
      if (store.row === row) this.fail(error);
    }
  }

  async fetch(row) {
    const { body } = await this.wire.ask("inspect", { row });
    for (const item of [body.media, ...body.neighbors.items]) this.media.keep(item);
    this.answers.set(row, body);
    if (this.answers.size > ANSWERS_KEPT) this.answers.delete(this.answers.keys().next().value);
    return body;
  }

  /** Fetch the next two examples of the list while this one is looked at. */
  ahead() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const rows = this.store.rows(),
        at = rows.indexOf(this.store.row);
      if (at < 0) return;
      for (const row of rows.slice(at + 1, at + 4))
        if (!this.answers.has(row))
          this.fetch(row).catch(() => {
            /* shown when it is opened */
          });
    }, 20);
  }

  forgetNotes() {
    for (const answer of this.answers.values()) answer.stale = true;
  }

  get hides() {
    return this.store.hides(this.store.row);
  }

  /** No example: nothing of the last one stays. */
  empty() {
    this.answer = null;
    this.title.textContent = "no example";
    this.title.title = "";
    const why = this.store.rows("queue").length ? "Click a point, or draw around some." : this.emptyQueue();
    this.picture.replaceChildren(h("span", { class: "lw-empty-line", text: why }));
    this.why.replaceChildren();
    this.note("");
    this.strip.replaceChildren();
    this.table.replaceChildren();
    this.neighborTitle.textContent = "";
    this.store.neighborsOf = null;
    this.facts();
    this.queue();
    this.gaps.hidden = true;
    drawCurve(this.curve, null, { theme: this.theme(), nothing: "" });
  }

  waiting() {
    this.title.textContent = "…";
    this.why.replaceChildren();
    this.note("");
  }

  fill(answer) {
    this.answer = answer;
    this.title.textContent = `example ${clip(String(answer.id), 22)}`;
    this.title.title = String(answer.id);
    this.drawPicture(answer.media);
    this.reasons();
    this.facts();
    this.redrawCurve();
    this.drawNeighbors();
    this.table.replaceChildren(
      ...(this.media.kind === "none" ? [] : answer.columns).flatMap(([key, value]) => [h("dt", { text: key }), h("dd", { text: value, title: value })]),
    );
    this.store.neighborsOf = { row: answer.row, rows: answer.neighbors.rows };
    this.store.emit("neighbors");
  }

  drawPicture(item) {
    this.picture.replaceChildren(this.rows?.node(this.answer) || mediaNode(item, "full"));
  }

  reasons() {
    const { answer } = this;
    const shows = keyCap(this.keymap.blind?.[0] || "");
    const lines = this.hides ? [`${HIDDEN}${shows && ` (${shows} shows it)`}`] : answer.reasons.length ? answer.reasons : ["no reason to doubt this label"];
    this.why.replaceChildren(
      ...lines.map((text, i) => h("li", { text: this.store.shortenIn(text, 46), title: [text, !this.hides && answer.meanings?.[i]].filter(Boolean).join("\n") })),
    );
    this.note(this.hides ? "" : answer.note);
  }

  /** What was written about the example, in sight where it was written. */
  note(text) {
    this.noteLine.hidden = !text;
    this.noteLine.textContent = text ? `✎ ${text}` : "";
    this.noteLine.title = text || "";
  }

  /** Given, suggested and present label with their probabilities. */
  facts() {
    const { store } = this,
      { row } = store;
    if (row < 0) {
      this.labels.replaceChildren();
      for (const button of this.choices.children) {
        button.classList.remove("lw-is-label", "lw-is-hint");
        button.setAttribute("aria-pressed", "false");
      }
      return;
    }
    const hides = this.hides,
      given = store.given[row],
      suggested = store.suggested[row],
      label = store.labels[row];
    const { p_given = null, p_epoch } = this.answer?.row === row ? this.answer : {};
    this.labels.replaceChildren(
      p_given === null || hides
        ? this.fact("given", given)
        : this.fact("given", given, `epoch ${p_epoch}: p ${probability(p_given)}`, WHOSE.given(store.className(given), p_epoch)),
      ...(store.meta.doubted === false ? [] : this.doubts(row, suggested, hides)),
      this.now(label, given, store.verdict[row], store.flags[row]),
    );
    for (const button of this.choices.children) {
      const code = Number(button.dataset.code);
      button.classList.toggle("lw-is-label", code === label);
      button.classList.toggle("lw-is-hint", !hides && code === suggested && code !== label);
      button.setAttribute("aria-pressed", String(code === label));
    }
    this.reveal();
  }

  /** What the evidence says: the suggested label, and how likely the given one is wrong. */
  doubts(row, suggested, hides) {
    const { store } = this,
      line = (name, content) => h("div", { class: "lw-fact" }, h("span", { class: "lw-fact-name", text: name }), content),
      quiet = (text) => h("span", { class: "lw-quiet", text });
    const known = Number.isFinite(store.pError[row]);
    return [
      hides
        ? line("suggested", quiet("hidden"))
        : suggested < 0
          ? line("suggested", quiet("nothing"))
          : this.fact("suggested", suggested, `detector: p ${probability(store.pSuggested[row])}`, WHOSE.suggested(store.className(suggested))),
      line("wrong?", hides ? quiet("hidden") : known ? this.meter(store.pError[row]) : quiet("not judged")),
    ];
  }

  /** In blind mode a decision reveals what was hidden. */
  reveal() {
    if (this.store.blind && this.answer?.row === this.store.row && !this.hides) {
      this.reasons();
      this.redrawCurve();
    }
  }

  fact(name, code, detail = "", title = "") {
    const { store } = this,
      colors = this.paint.classColors(),
      text = store.className(code);
    return h(
      "div",
      { class: "lw-fact lw-fact-tall" },
      h("span", { class: "lw-fact-name", text: name }),
      h("span", { class: "lw-num lw-quiet lw-clip", text: detail, title }),
      h(
        "span",
        { class: "lw-fact-value", title: text },
        code >= 0 && swatch(colors[code % colors.length]),
        h("span", { class: "lw-clip", text: store.shortName(code, 26) }),
      ),
    );
  }

  meter(p) {
    return h(
      "span",
      { class: "lw-fact-value", title: WHOSE.wrong },
      h(
        "span",
        { class: "lw-meter", role: "img", "aria-label": `probability that the label is wrong: ${probability(p)}` },
        h("span", { style: { width: `${100 * (p || 0)}%` } }),
      ),
      h("span", { class: "lw-num", text: `detector: p ${probability(p)}` }),
    );
  }

  now(label, given, verdict, flags) {
    const said =
      label !== given
        ? `now ${this.store.shortName(label, 22)}`
        : verdict === 2
          ? "kept"
          : verdict === 3
            ? "skipped"
            : "undecided";
    const flag = flags & 1 ? " · ⚑" : "";
    return h(
      "div",
      { class: "lw-fact" },
      h("span", { class: "lw-fact-name", text: "decision" }),
      h(
        "span",
        { class: `lw-fact-value${verdict ? " lw-strong" : " lw-quiet"}` },
        h("span", { class: "lw-clip", text: said + flag, title: said + flag }),
      ),
    );
  }

  /** "queue 14/180"; how many are left stands on top. */
  queue() {
    const { store } = this,
      name = store.list,
      rows = store.rows(),
      at = rows.indexOf(store.row) + 1;
    const { done, total } = store.progress();
    const word = name === "neighbors" ? "neighbours" : name;
    this.place.textContent = rows.length
      ? `${word} ${at ? count(at) : "–"}/${count(rows.length)}`
      : `${word} empty`;
    const basis = store.meta.audit?.title;
    this.place.title = [this.place.textContent, `${count(done)} of ${count(total)} in the queue decided`, basis, store.meta.canaries]
      .filter(Boolean)
      .join("; ");
    this.bar.style.width = total ? `${(100 * done) / total}%` : "0";
  }

  redrawCurve() {
    const { store, answer } = this;
    if (!answer) return;
    const colors = this.paint.classColors(),
      of = (code) => (code >= 0 ? colors[code % colors.length] : this.theme().quiet);
    const given = store.given[answer.row],
      suggested = store.suggested[answer.row];
    if (this.hides) {
      this.gaps.hidden = true;
      drawCurve(this.curve, null, { theme: this.theme(), nothing: HIDDEN });
      this.curve.setAttribute("aria-label", `probability over epochs: ${HIDDEN}`);
      return;
    }
    const curve = suggested === given ? { ...answer.curve, suggested: null } : answer.curve;
    drawCurve(this.curve, curve, {
      given: store.shortName(given, 14),
      suggested: store.shortName(suggested, 14),
      colors: [of(given), of(suggested)],
      theme: this.theme(),
    });
    const gaps = gapsInWords(curve, store.className(suggested));
    this.gaps.hidden = !gaps;
    this.gaps.textContent = gaps;
    this.curve.setAttribute(
      "aria-label",
      `probability of ${store.className(given)}${curve.suggested ? ` and of ${store.className(suggested)}` : ""} over ${curve.epochs.length} epochs${gaps && `; ${gaps}`}`,
    );
  }

  drawNeighbors() {
    const { answer } = this,
      { rows, items } = answer.neighbors;
    this.titleNeighbors();
    this.strip.replaceChildren(
      ...rows.map((row, i) =>
        h(
          "button",
          { type: "button", class: "lw-neighbor", "data-row": row, onclick: () => this.onPick(row) },
          h("span", { class: "lw-neighbor-media" }, mediaNode(items[i], "thumb")),
          this.neighborCaption(row),
        ),
      ),
    );
  }

  /** How many neighbours were given another label, and by what they are near: as the reasons count them. */
  titleNeighbors() {
    const { answer, store } = this;
    if (!answer || store.row < 0) return;
    const { rows, by, other, none } = answer.neighbors;
    const given = store.given[answer.row],
      labelled = rows.filter((row) => store.given[row] >= 0),
      differ = labelled.filter((row) => store.given[row] !== given).length;
    const counts = this.hides || given < 0 ? "" : `: ${differ ? count(differ) : "none"} given another label`;
    this.neighborTitle.textContent = rows.length
      ? `${rows.length} nearest neighbours${counts}${other ? " (not those of the reasons)" : ""}`
      : none || "no embeddings, so no neighbours";
    this.neighborTitle.title = rows.length ? [`by ${by}`, other].filter(Boolean).join(". ") : "";
  }

  /** A neighbour's label; that it differs is said of the given labels, as in the reasons. */
  neighborCaption(row) {
    const { store } = this,
      colors = this.paint.classColors(),
      label = store.labels[row],
      given = store.given[row],
      name = store.className(label);
    if (this.hides) return h("span", { class: "lw-caption lw-quiet", text: "?", title: `label ${HIDDEN}` });
    const differs = given >= 0 && given !== store.given[store.row],
      was = label === given ? "" : `given ${store.className(given)}, now `;
    return h(
      "span",
      { class: `lw-caption${differs ? " lw-disagrees" : ""}`, title: `${was}${name}${differs ? " (given another label)" : ""}` },
      label >= 0 && swatch(colors[label % colors.length]),
      h("span", { class: "lw-clip", text: `${was ? "✎" : ""}${store.shortName(label, 20)}` }),
    );
  }

  neighborCaptions() {
    for (const el of this.strip.children) el.lastChild.replaceWith(this.neighborCaption(Number(el.dataset.row)));
  }

  /** Show or hide what blind mode hides. */
  blindChanged() {
    this.facts();
    if (!this.answer) return;
    this.reasons();
    this.redrawCurve();
    this.titleNeighbors();
    this.neighborCaptions();
  }

  /** Write or change the note of the current example. */
  openNote() {
    if (this.store.row >= 0 && !this.actions.refused()) this.typeBox.openNote(this.answer?.note || "");
  }

  async saveNote(text) {
    const { row } = this.store,
      known = this.answers.get(row);
    await this.actions.note(text);
    if (!known) return;
    known.note = text;
    if (this.store.row === row) this.reasons();
  }

  destroy() {
    clearTimeout(this.timer);
  }
}
