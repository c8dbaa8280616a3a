/**
 * The editors of each kind of label, by the name of their task. `python -m widgets._bundle` collects the files in
 * editors/, each of which exports one as `editor`.
 *
 * @typedef {object} Kind
 * @property {string} task the kind of label; also the name of its keys in the keymaps
 * @property {boolean} nothing whether "nothing here" is an answer
 * @property {boolean} units whether an example may have several units
 * @property {Record<string, string>} edits descriptions of the actions of its edit mode
 * @property {(options: EditorOptions) => Editor} make
 *
 * @typedef {object} EditorOptions
 * @property {{ facts: HTMLElement, tools: HTMLElement, root: HTMLElement }} place elements to draw in
 * @property {import("./base/typebox.js").TypeBox} line the input line
 * @property {Space} space
 * @property {Record<string, string[]>} keymap keys of the edit mode
 * @property {(verdicts: { key: string, value: any }[], how: string, whole?: boolean) => void} judge the only output: decisions of a person
 *   about units of the current example; `how` is "key", "button", "typed", "accept", "keep" or, for the whole selection, "selection"
 * @property {(name: string) => Promise<number>} addClass adds a class or tag to the label space; returns its code, -1 on failure
 * @property {import("./base/imagestage.js").Source | null} pictures more pixels of pictures; null in a saved page
 * @property {(text: string, kind?: string) => void} say
 * @property {() => import("./base/color.js").Theme} theme colours of the page
 * @property {(unit: import("./state/messages.js").UnitInfo | null | undefined) => void} explain shows the reasons of a unit instead of those of the example
 *
 * @typedef {object} Editor
 * @property {(example: Example | null) => void} show shows an example with the information about it; null if there is none
 * @property {(digit: string, selection: boolean) => void} digit a digit key of review mode
 * @property {(typing: boolean) => void} open starts edit mode; `typing`: whether to focus the input line
 * @property {() => void} close ends it
 * @property {boolean} [editing] whether edit mode is on; if so, `key` receives every key press except Escape
 * @property {(event: KeyboardEvent) => boolean} key returns whether the editor handled the key press
 * @property {() => void} accept
 * @property {() => void} keep
 * @property {() => void} [nothing] sets the unit in focus to absent
 * @property {() => void} [unknown] sets the unit in focus to unknown
 * @property {(by: number) => void} [step] moves the focus among units
 * @property {(key: string) => void} [focusOn] puts a unit in focus
 * @property {() => boolean} [advance] moves it to the next suspicious unit that is open; returns false if there is none
 * @property {() => boolean} [confirmAll] confirms all open units; returns false if there are none
 * @property {(el: HTMLElement, units: Thumb[]) => void} thumb draws units on a thumbnail
 * @property {() => void} [grow] updates the label space
 * @property {import("./base/imagestage.js").ImageStage} [stage] the picture on which the editor draws
 * @property {() => void} destroy
 *
 * @typedef {object} Example an example on show: how it stands, and what is known of it
 * @property {number} row
 * @property {number} given
 * @property {number} suggested
 * @property {number} label
 * @property {number} verdict
 * @property {boolean} edited
 * @property {boolean} flagged
 * @property {boolean} hides does blind mode hide what is known?
 * @property {boolean} doubted
 * @property {number} pError
 * @property {number} pSuggested
 * @property {number | null} pGiven
 * @property {number | null} epoch that `pGiven` is of
 * @property {string} picked key of a unit that was chosen with the example, "" for none
 * @property {string} unit key of the units that the queue is about, "" for all
 * @property {string} kind kind of error, or pair of classes, that the queue is about, "" for all
 * @property {string} audited how far an audit of units is, in words
 * @property {boolean} [whole] was it confirmed as a whole? undefined if the queue does not ask for that
 * @property {import("./state/messages.js").UnitInfo[] | null | undefined} units null until Python has answered
 * @property {import("./state/messages.js").Item} [item] its picture
 * @property {import("./state/messages.js").Passage | null} [passage] the text that spans lie in
 * @property {import("./state/messages.js").MaskRuns | null} [mask] the given mask
 * @property {import("./state/messages.js").ItemText[] | null} [items] the texts of the items of a query
 *
 * @typedef {{ value: number, most?: number, before?: string }} Thumb a label on something small: its code, characters at most, a mark before it
 *
 * @typedef {object} Space the label space as editors see it
 * @property {string[]} classes classes of the run, or tags if an example has several
 * @property {(code: number) => boolean} gone whether it was added and the addition undone
 * @property {string[]} choices possible values of a unit, as stored in the journal; empty if any text that Python accepts is valid
 * @property {(name: string) => boolean} lacks whether no class has this name
 * @property {(text: string, most?: number) => number[]} matches codes of names that match a typed text, best first
 * @property {(code: number) => string} className
 * @property {(code: number, most: number) => string} shortName
 * @property {(code: number) => number[]} color
 */

/** @type {Record<string, Kind>} */
export const EDITORS = {};
