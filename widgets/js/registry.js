/**
 * Where parts of the view register themselves. A feature is a module that exports a function of the view; it makes its
 * parts, puts them into a place of the view (`addTab`, `addTool`, `addToHead`, `addToFoot`, `addPanel`) and says what
 * it listens to here. `features.js` lists them; main.js knows none of them.
 */
export class Registry {
  /** @type {Map<string, () => void>} */
  actions;
  /** @type {any} */
  closers;
  /** @type {any} */
  endings;
  /** @type {any} */
  keys;
  /** @type {any} */
  moments;
  /** @type {any} */
  pushes;
  /** @type {any} */
  traits;

  constructor() {
    Object.assign(this, {
      pushes: new Map(),
      traits: new Map(),
      actions: new Map(),
      closers: [],
      keys: [],
      moments: new Map(),
      endings: [],
    });
  }

  /** Python's messages of one kind: `react(body, buffers)`. */
  onPush(kind, react) {
    once(this.pushes, kind, react, "push");
  }

  /** A synced trait that Python changed: `react(value)`. */
  onTrait(name, react) {
    once(this.traits, name, react, "trait");
  }

  /** What an action of the keymap does. */
  onAction(name, act) {
    once(this.actions, name, act, "action");
  }

  /** Something that Escape closes: `close()` returns whether there was anything to close. The latest is asked first. */
  onEscape(close) {
    this.closers.unshift(close);
  }

  /** Close one open thing; false when nothing was open. */
  escape() {
    return this.closers.some((close) => close());
  }

  /** Keys of a part that is open: `act(event)` returns whether the press was meant for it. The latest is asked first. */
  onKey(act) {
    this.keys.unshift(act);
  }

  /** Whether an open part took a press of a key. */
  took(event) {
    return this.keys.some((act) => act(event));
  }

  /** "start" (all parts are in the page), "ready" (filters and colours are there), "layout" (sizes changed) or "theme" (colours changed). */
  on(moment, react) {
    if (!MOMENTS.includes(moment)) throw new Error(`unknown moment ${moment}`);
    if (!this.moments.has(moment)) this.moments.set(moment, []);
    this.moments.get(moment).push(react);
  }

  run(moment) {
    for (const react of this.moments.get(moment) || []) react();
  }

  /** Runs when the view is taken away. */
  onEnd(end) {
    this.endings.push(end);
  }

  /** A listener that goes away with the view. */
  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.onEnd(() => target.removeEventListener(type, listener, options));
  }

  end() {
    for (const end of this.endings.splice(0)) end();
  }
}

const MOMENTS = ["start", "ready", "layout", "theme"];

function once(map, key, value, what) {
  if (map.has(key)) throw new Error(`two parts registered for the ${what} ${key}`);
  map.set(key, value);
}
