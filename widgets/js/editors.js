/**
 * The editors of kinds of labels, by the name of their task. `python -m widgets._bundle` collects the files of
 * editors/, each of which exports one as `editor`.
 *
 * @typedef {object} Kind
 * @property {string} task the kind of label; its keys in the keymaps go by it
 * @property {boolean} nothing is "nothing here" an answer?
 * @property {boolean} units may an example have several units?
 * @property {Record<string, string>} edits actions of its edit mode, in words
 * @property {(options: EditorOptions) => Editor} make
 *
 * @typedef {object} EditorOptions
 * @property {{ facts: HTMLElement, tools: HTMLElement, root: HTMLElement }} place elements to draw in
 * @property {import("./typebox.js").TypeBox} line the input line
 * @property {Space} space
 * @property {Record<string, string[]>} keymap keys of the edit mode
 * @property {(verdicts: { key: string, value: any }[], how: string) => void} judge the only way out: what a person says
 *   about units of the example on show; `how` is "key", "button", "typed", "accept", "keep" or, for all that is selected, "selection"
 * @property {(name: string) => Promise<number>} addClass adds a class or tag to the label space; its code, -1 where that failed
 * @property {(text: string, kind?: string) => void} say
 * @property {() => any} theme colours of the page
 * @property {(unit: any) => void} explain shows the reasons of a unit in place of those of the example
 *
 * @typedef {object} Editor
 * @property {(example: any) => void} show an example with what is known of it; null where there is none
 * @property {(digit: string, selection: boolean) => void} digit a digit key of review mode
 * @property {() => void} open begins edit mode
 * @property {() => void} close ends it
 * @property {boolean} [editing] is edit mode on? Then `key` gets every press but Escape
 * @property {(event: KeyboardEvent) => boolean} key whether a press was meant for the editor
 * @property {() => void} accept
 * @property {() => void} keep
 * @property {() => void} [nothing] the unit in focus is not there
 * @property {() => void} [unknown] nothing is known of the unit in focus
 * @property {(by: number) => void} [step] moves the focus among units
 * @property {() => boolean} [advance] moves it to the next doubtful unit that is open; false where none is left
 * @property {() => boolean} [confirmAll] confirms what is open; false where nothing is
 * @property {(el: HTMLElement, units: any[]) => void} thumb draws units on something small
 * @property {() => void} [grow] the label space changed
 * @property {() => void} destroy
 *
 * @typedef {object} Space the label space as editors see it
 * @property {string[]} classes of the run: tags, where an example has several
 * @property {(code: number) => boolean} gone was it added and that undone?
 * @property {string[]} choices values of a unit to choose from, as the journal holds them; empty: any text that Python accepts
 * @property {(name: string) => boolean} lacks is nothing called so?
 * @property {(text: string, most?: number) => number[]} matches codes of names that fit a typed text, the best first
 * @property {(code: number) => string} className
 * @property {(code: number, most: number) => string} shortName
 * @property {(code: number) => number[]} color
 */

/** @type {Record<string, Kind>} */
export const EDITORS = {};
