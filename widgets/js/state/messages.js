/**
 * Types of the messages between Python and the page. Generated from `messages.py`, `pushes.py` and `shapes.py` in
 * `widgets/wire/` by `python -m widgets._bundle`. Do not edit. Besides the JSON part, messages have buffers.
 */
export {};

/**
 * A picture in its original pixels; its bytes are the buffer.
 * @typedef {object} PictureAnswer
 * @property {string} mime
 * @property {number} width
 * @property {number} height
 * @property {number[]} original
 * @property {string} note
 * @property {boolean} alpha
 */

/**
 * Request a tile of a picture shrunk by 2 to the power `level`, by its column and row.
 * @typedef {object} TileRequest
 * @property {number} row
 * @property {number} level
 * @property {number} x
 * @property {number} y
 */

/**
 * The type of a tile; its bytes are the buffer.
 * @typedef {object} TileAnswer
 * @property {string} mime
 */

/**
 * Request a part of a mask: the row, and x0, y0, x1, y1 in pixels.
 * @typedef {object} MaskPartRequest
 * @property {number} row
 * @property {number[]} box
 */

/**
 * The mask of an example: runs of class codes, -1 = ignore, row by row.
 * `height` and `width` are those of the mask. If `step` is above 1, the runs are of every step-th row and column, from
 * the first.
 * @typedef {object} MaskRuns
 * @property {number} height
 * @property {number} width
 * @property {number} step
 * @property {number[]} lengths
 * @property {number[]} codes
 */

/**
 * A class added to those of the dataset; `stands` is False if its addition was undone.
 * @typedef {object} AddedClass
 * @property {string} name
 * @property {boolean} stands
 */

/**
 * The current state of rows: four buffers, from number `at` on, with rows, labels, verdicts and marks.
 * `changed` is the total number of examples whose labels differ from the given ones, `added` the added classes in
 * the order of their codes.
 * @typedef {object} Patch
 * @property {number} at
 * @property {number} changed
 * @property {AddedClass[]} [added]
 */

/**
 * The values of an array, or the buffer that contains them.
 * @typedef {object} Said
 * @property {number | null} [fill]
 * @property {boolean} [rows]
 * @property {string} [like]
 * @property {number} [buffer]
 * @property {string} [sent]
 * @property {number} [less]
 */

/**
 * The encoding of an array, see `widgets.wire.packing`.
 * @typedef {object} ArraySpec
 * @property {number | null} [fill]
 * @property {boolean} [rows]
 * @property {string} [like]
 * @property {number} [buffer]
 * @property {string} [sent]
 * @property {number} [less]
 * @property {string} name
 * @property {string} type
 * @property {number} length
 */

/**
 * A column that can be coloured, filtered and searched.
 * @typedef {object} ColumnInfo
 * @property {string} name
 * @property {"number" | "category"} kind
 * @property {string} title
 * @property {string} source
 * @property {string[]} [categories]
 * @property {boolean} [classes]
 * @property {string} [suspicious]
 * @property {number[]} [range]
 */

/**
 * The appearance of an item: one of src, text, html, table, sound, url and error, or nothing.
 * `original` is the size in pixels of a picture that is shown smaller.
 * @typedef {object} Content
 * @property {string} [src]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number[]} [original]
 * @property {boolean} [alpha]
 * @property {string} [text]
 * @property {string} [html]
 * @property {string[][]} [table]
 * @property {string} [sound]
 * @property {string} [url]
 * @property {string} [error]
 * @property {string} [brief]
 */

/**
 * The appearance of an example.
 * `mask` is the mask of a picture as it is now, small, or the masks of its instances, -1 elsewhere. `objects` are the
 * objects of a picture as [x0, y0, x1, y1, code], with sides as shares of the picture's, and the class.
 * @typedef {object} Item
 * @property {string} [src]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number[]} [original]
 * @property {boolean} [alpha]
 * @property {string} [text]
 * @property {string} [html]
 * @property {string[][]} [table]
 * @property {string} [sound]
 * @property {string} [url]
 * @property {string} [error]
 * @property {string} [brief]
 * @property {number} row
 * @property {number | string} id
 * @property {number[][]} [objects]
 * @property {MaskRuns} [mask]
 */

/**
 * The columns with the positions on the first map.
 * @typedef {object} AxesInfo
 * @property {string} x
 * @property {string} y
 * @property {number[][] | null} ranges
 * @property {string} title
 */

/**
 * Whether there is an embedding map, and the message shown until (or instead of) it.
 * @typedef {object} EmbeddingInfo
 * @property {boolean} there
 * @property {string} message
 */

/**
 * A tag that can be filtered by, and the number of examples in which it is likely missing, or wrong.
 * @typedef {object} TagInfo
 * @property {string} name
 * @property {number} missing
 * @property {number} wrong
 */

/**
 * A queue of doubtful units: a kind of error, or a pair of classes, and the number of its units.
 * @typedef {object} KindCount
 * @property {string} name
 * @property {number} count
 * @property {boolean} pair
 */

/**
 * Examples with `tag` have (`implies`), or do not have, the tag `other`: a share of `count`, all but `broken`.
 * `expected` is the share if the two tags were independent.
 * @typedef {object} TagRule
 * @property {string} tag
 * @property {string} other
 * @property {boolean} implies
 * @property {number} count
 * @property {number} share
 * @property {number} expected
 * @property {number} broken
 */

/**
 * How often a form has a label; "nothing" is no span.
 * @typedef {object} LabelCount
 * @property {string} label
 * @property {number} count
 */

/**
 * Equal words with several labels, the most frequent label first.
 * @typedef {object} FormCount
 * @property {string} form
 * @property {LabelCount[]} labels
 */

/**
 * The number of remaining errors as text; `due` is the number of due second looks, `done` the progress of an audit
 * of units as text.
 * @typedef {object} AuditInfo
 * @property {string} [text]
 * @property {string} [title]
 * @property {boolean} [begun]
 * @property {number} [due]
 * @property {string} [done]
 */

/**
 * The effective keys: of review mode, and of each editor by kind of label.
 * @typedef {object} KeysInfo
 * @property {Record<string, string[]>} review
 * @property {Record<string, Record<string, string[]>>} edit
 */

/**
 * Everything that a page needs to draw the view. `objects` says whether there is a map of objects.
 * @typedef {object} OpenAnswer
 * @property {string} name
 * @property {string} [path]
 * @property {number} n
 * @property {string} task
 * @property {string[]} classes
 * @property {string[]} space
 * @property {AddedClass[]} added
 * @property {string[]} choices
 * @property {ColumnInfo[]} columns
 * @property {number[]} epochs
 * @property {number[]} unit_epochs
 * @property {number[]} embedding_epochs
 * @property {"own" | "image" | "audio" | "text" | "none"} media
 * @property {boolean} brief_texts
 * @property {string[]} evidence_columns
 * @property {string} color_by
 * @property {KeysInfo} keymap
 * @property {boolean} blind
 * @property {string} saved
 * @property {AxesInfo | null} data_map
 * @property {string} no_data_map
 * @property {boolean[]} maps
 * @property {string[]} views
 * @property {boolean} lasting
 * @property {string[]} first_filters
 * @property {EmbeddingInfo} embedding
 * @property {boolean} objects
 * @property {string[]} queues
 * @property {string} queue_unit
 * @property {TagInfo[]} tags
 * @property {KindCount[]} kinds
 * @property {number} changed
 * @property {string} queue_order
 * @property {boolean} doubted
 * @property {boolean} ordered
 * @property {boolean} suggests
 * @property {string} author
 * @property {boolean} second
 * @property {string} pooled
 * @property {string} other
 * @property {string} expected
 * @property {string} expected_title
 * @property {string} how
 * @property {string} warning
 * @property {string} canaries
 * @property {AuditInfo} audit
 * @property {string} [export_path]
 * @property {ArraySpec[]} arrays
 * @property {string} [locked]
 */

/**
 * The displayed state, or a part of it; a saved view includes the time of saving.
 * @typedef {object} ShownParts
 * @property {Record<string, any>} [filters]
 * @property {string} [color_by]
 * @property {Record<string, number[]>} [cameras]
 * @property {Record<string, number>} [epochs]
 * @property {(number | string)[]} [selection]
 * @property {string} [saved]
 */

/**
 * Probabilities of the given and the suggested class after each epoch; null where unknown.
 * @typedef {object} Curve
 * @property {number[]} epochs
 * @property {(number | null)[]} given
 * @property {(number | null)[] | null} suggested
 */

/**
 * Outputs of a training on candidate sets for one set after each epoch; null if unknown.
 * `weights` of the most likely candidates `names`, as shares of the set; `outside`, the probability of other classes;
 * `sizes`, the number of candidates left if unlikely ones are removed after each epoch.
 * @typedef {object} SetCurve
 * @property {number[]} epochs
 * @property {string[]} names
 * @property {((number | null)[])[]} weights
 * @property {(number | null)[]} outside
 * @property {number[]} sizes
 */

/**
 * The neighbours of an example, nearest first, or the reason why there are none.
 * `labels` are their given labels in words, by the key of a unit or "" for the whole label, for labels that are not
 * one class.
 * @typedef {object} Neighbors
 * @property {number[]} rows
 * @property {Item[]} items
 * @property {Record<string, string>[]} [labels]
 * @property {string} [by]
 * @property {string} [other]
 * @property {string} [none]
 */

/**
 * The nodes linked to an example, largest weight first.
 * `total` is the number of all of them; `between` has pairs of indices into `rows` that are linked to each other.
 * @typedef {object} Linked
 * @property {number[]} rows
 * @property {Item[]} items
 * @property {number} total
 * @property {number[][]} between
 */

/**
 * Positions of a number and of the quantiles of groups on a common axis from 0 to 1.
 * @typedef {object} OnAxis
 * @property {number} [at]
 * @property {number[]} [all]
 * @property {number[]} [given]
 * @property {number[]} [suggested]
 */

/**
 * The frequency of a category, by group.
 * @typedef {object} Shares
 * @property {Record<string, number>} [shares]
 */

/**
 * A feature of a row of a table: its value, and how unusual it is.
 * @typedef {object} Feature
 * @property {number} [at]
 * @property {number[]} [all]
 * @property {number[]} [given]
 * @property {number[]} [suggested]
 * @property {Record<string, number>} [shares]
 * @property {string} name
 * @property {string} value
 * @property {number | null} number
 * @property {"class" | "all"} of
 * @property {number | null} unusual
 */

/**
 * x
 * @typedef {object} Features
 * @property {Feature[]} rows
 * @property {number} more
 */

/**
 * The detector's result for a unit; `standing` and `relevant` of an item: among the items of its query, and the
 * probability that it is relevant.
 * @typedef {object} UnitDoubt
 * @property {number | null} [p_error]
 * @property {number | null} [standing]
 * @property {number | null} [relevant]
 * @property {string | null} [suggested]
 * @property {number | null} [p_suggested]
 * @property {boolean} [doubted]
 * @property {string | null} [kind]
 * @property {string[]} [reasons]
 */

/**
 * Replace characters in the texts of the examples in a mask, which is the buffer.
 * Without `sure`, the number of texts that the user confirmed, the result is only shown.
 * @typedef {object} ReplaceRequest
 * @property {string} find
 * @property {string} by
 * @property {boolean} [whole_words]
 * @property {boolean} [match_case]
 * @property {number} [sure]
 */

/**
 * A text before and after a replacement.
 * @typedef {object} ReplacedText
 * @property {number | string} id
 * @property {string} before
 * @property {string} after
 */

/**
 * The number of texts and of their examples, and the first of them.
 * @typedef {object} ReplaceAnswer
 * @property {number} count
 * @property {number} examples
 * @property {ReplacedText[]} shown
 * @property {string | null} [time]
 * @property {Patch} [patch]
 */

/**
 * A version of a text: its value (in the format of the journal), author ("" for the given one) and time.
 * @typedef {object} TextVersion
 * @property {string | null} value
 * @property {string} author
 * @property {string} time
 */

/**
 * A unit of an example: its given and current values (in the format of the journal) and its shape.
 * If an example has several units, also the name of the unit and the detector's result. `asked` is set if the queue is
 * an audit in which the unit was drawn. `curve` is the probability of "yes" of a tag after each of the `unit_epochs`
 * of a recorded training, null if it was not recorded. A text also has its `alternatives`, in the format of the
 * journal, and its `versions` if it was changed. A given box also has its `outline`, polygons x, y, x, y, ... of a
 * segmentation or of a rotated box, or its `region`, [y0, x0, height, width, run lengths].
 * @typedef {object} UnitInfo
 * @property {number | null} [p_error]
 * @property {number | null} [standing]
 * @property {number | null} [relevant]
 * @property {string | null} [suggested]
 * @property {number | null} [p_suggested]
 * @property {boolean} [doubted]
 * @property {string | null} [kind]
 * @property {string[]} [reasons]
 * @property {string} key
 * @property {string | null} given
 * @property {string | null} value
 * @property {boolean} changed
 * @property {any} shape
 * @property {string} [name]
 * @property {boolean} [decided]
 * @property {boolean} [asked]
 * @property {(number | null)[]} [curve]
 * @property {string[]} [alternatives]
 * @property {TextVersion[]} [versions]
 * @property {number[][]} [outline]
 * @property {any[]} [region]
 */

/**
 * The text of an example with spans: start and end of its tokens in characters, and the unit of spans.
 * @typedef {object} Passage
 * @property {string} text
 * @property {number[]} begin
 * @property {number[]} end
 * @property {"tokens" | "characters"} counts
 */

/**
 * The text of an item of a query.
 * @typedef {object} ItemText
 * @property {string} item
 * @property {string} text
 */

/**
 * All details of one example; `whole` is whether it was confirmed as a whole, if the queue asks for that.
 * @typedef {object} InspectAnswer
 * @property {boolean} [whole]
 * @property {number} row
 * @property {number | string} id
 * @property {Item} media
 * @property {string[]} reasons
 * @property {string[]} [meanings]
 * @property {string} note
 * @property {number | null} p_given
 * @property {number | null} [p_epoch]
 * @property {Curve} curve
 * @property {SetCurve | null} sets
 * @property {Neighbors} neighbors
 * @property {Linked | null} [linked]
 * @property {string[][]} columns
 * @property {Features | null} features
 * @property {UnitInfo[]} [units]
 * @property {Passage | null} [passage]
 * @property {ItemText[] | null} [items]
 * @property {MaskRuns | null} [mask]
 */

/**
 * A ready-made selection.
 * @typedef {object} Slice
 * @property {string} name
 * @property {number} count
 * @property {string} how
 */

/**
 * Decisions of the most recent session.
 * @typedef {object} Pace
 * @property {number} decisions
 * @property {number | null} per_minute
 */

/**
 * Two authors who judged the same examples.
 * @typedef {object} Pair
 * @property {string} a
 * @property {string} b
 * @property {number} n
 * @property {number} differ
 * @property {string} text
 */

/**
 * An annotator and the reliability of their votes.
 * @typedef {object} Annotator
 * @property {string} name
 * @property {number} votes
 * @property {number} quality
 * @property {string} often
 */

/**
 * A score in two runs.
 * @typedef {object} ScoreChange
 * @property {string} name
 * @property {number | null} spearman
 * @property {number | null} mean_change
 * @property {number | null} mean_absolute_change
 */

/**
 * No fields.
 * @typedef {object} Nothing
 */

/**
 * The name of a column, a slice or a saved view.
 * @typedef {object} NameRequest
 * @property {string} name
 */

/**
 * A column and its values.
 * @typedef {object} ColumnAnswer
 * @property {ColumnInfo} column
 * @property {ArraySpec[]} arrays
 */

/**
 * One row.
 * @typedef {object} RowRequest
 * @property {number} row
 */

/**
 * Thumbnails of rows, or larger pictures.
 * @typedef {object} MediaRequest
 * @property {number[]} rows
 * @property {boolean} [large]
 */

/**
 * The appearance of the rows.
 * @typedef {object} MediaAnswer
 * @property {Item[]} items
 */

/**
 * The type of a sound; its bytes are the buffer.
 * @typedef {object} SoundAnswer
 * @property {string} mime
 */

/**
 * A whole text.
 * @typedef {object} TextAnswer
 * @property {string} text
 */

/**
 * The number of rows selected or found; their mask is the buffer.
 * @typedef {object} CountMessage
 * @property {number} count
 */

/**
 * The page selected the rows of a mask, which is the buffer; without a buffer, none.
 * @typedef {object} SelectRequest
 * @property {number} [count]
 */

/**
 * Request the queue in another order.
 * @typedef {object} QueueRequest
 * @property {string} by
 */

/**
 * The queue, whose rows are the first buffer; `unit` is the key of its units, "" for all.
 * @typedef {object} QueueAnswer
 * @property {number} count
 * @property {string} unit
 * @property {string} why
 * @property {Patch} patch
 */

/**
 * Ready-made selections.
 * @typedef {object} SlicesAnswer
 * @property {Slice[]} slices
 */

/**
 * Request a matrix by its kind.
 * @typedef {object} MatrixRequest
 * @property {string} of
 */

/**
 * The texts of a matrix; its numbers are buffers.
 * @typedef {object} MatrixAnswer
 * @property {string} how
 * @property {string} [title]
 * @property {string} [warning]
 */

/**
 * The evidence behind the estimates of errors by class.
 * @typedef {object} ClassesAnswer
 * @property {string} how
 */

/**
 * Rules about pairs of tags that hold in at least the share `least` of the examples with the first tag.
 * @typedef {object} RulesRequest
 * @property {number} least
 */

/**
 * The listed rules, and the number of all rules.
 * @typedef {object} RulesAnswer
 * @property {TagRule[]} rules
 * @property {number} total
 */

/**
 * The examples that break a rule, or follow it.
 * @typedef {object} RuleRequest
 * @property {string} tag
 * @property {string} other
 * @property {boolean} implies
 * @property {boolean} broken
 */

/**
 * Number of examples; their mask is the buffer. `unit` is the key of the tag to judge in them, "" for none.
 * @typedef {object} RuleAnswer
 * @property {number} count
 * @property {string} unit
 */

/**
 * Request all information about people, or only the pace.
 * @typedef {object} PeopleRequest
 * @property {boolean} [pace]
 */

/**
 * Pace, agreement of authors, quality of annotators.
 * @typedef {object} PeopleAnswer
 * @property {Pace} pace
 * @property {string} [author]
 * @property {Pair[]} [authors]
 * @property {Annotator[]} [annotators]
 * @property {number} [withheld]
 */

/**
 * Request the comparison with the other run, or its positions on a map.
 * @typedef {object} CompareRequest
 * @property {string} [map]
 */

/**
 * The comparison as text, or a description of a map of the other run; `later` as in `EmbeddingAnswer`.
 * @typedef {object} CompareAnswer
 * @property {string} [name]
 * @property {string} [text]
 * @property {string[]} [phrases]
 * @property {ScoreChange[]} [scores]
 * @property {boolean} [embedding]
 * @property {string} [how]
 * @property {string} [later]
 */

/**
 * Examples on which two authors differ, or an annotator differs from the consensus.
 * @typedef {object} DifferRequest
 * @property {string[]} [authors]
 * @property {string} [annotator]
 */

/**
 * Search words or a query.
 * @typedef {object} SearchRequest
 * @property {string} text
 */

/**
 * A decision about rows or units; masks of many rows and labels that differ by row are sent as buffers.
 * Each of `units` is [row, key, value], with the value in the format of its kind of label. "keep" with `whole` says
 * that these units of an example are as given, and that nothing else is wrong or missing.
 * @typedef {object} DecideRequest
 * @property {boolean} [whole]
 * @property {"relabel" | "keep" | "skip" | "flag" | "note"} op
 * @property {number[]} [rows]
 * @property {any[][]} [units]
 * @property {number | null} [label]
 * @property {boolean} [flag]
 * @property {string} [note]
 * @property {string} [how]
 */

/**
 * A class or tag to add to the label space.
 * @typedef {object} AddClassRequest
 * @property {string} name
 */

/**
 * The listed forms with several labels, and the number of all.
 * @typedef {object} FormsAnswer
 * @property {FormCount[]} forms
 * @property {number} total
 */

/**
 * The places of a form with one of some labels; with `label`, give all of them this label.
 * `sure` is the number of places that the user confirmed.
 * @typedef {object} FormRequest
 * @property {string} form
 * @property {string[]} labels
 * @property {string} [label]
 * @property {number} [sure]
 */

/**
 * Number of places and of their examples. The buffer is the mask of these, or the state after a decision.
 * @typedef {object} FormAnswer
 * @property {number} count
 * @property {number} examples
 * @property {string | null} [time]
 * @property {Patch} [patch]
 */

/**
 * Accept the suggestions for units of the examples in a mask, which is the buffer.
 * `least` is the minimum probability of a suggestion; `unit` limits it to units with this key, `queue` to those of a
 * queue by kind of error. Without `sure`, the number confirmed by the user, the suggestions are only counted.
 * @typedef {object} AcceptRequest
 * @property {number | null} [least]
 * @property {string} [unit]
 * @property {string} [queue]
 * @property {number} [sure]
 */

/**
 * The number of units and of their examples; if only counted, the buffers are their probabilities and rows.
 * @typedef {object} AcceptAnswer
 * @property {number} count
 * @property {number} examples
 * @property {string | null} [time]
 * @property {Patch} [patch]
 */

/**
 * Undo or redo; `sure` if the user has confirmed it.
 * @typedef {object} TravelRequest
 * @property {boolean} [sure]
 */

/**
 * The result of a decision: `ask` is the number of decisions of an undo that needs confirmation; `code` that of a
 * new class.
 * @typedef {object} DecideAnswer
 * @property {number} count
 * @property {number} row
 * @property {string | null} time
 * @property {Patch} [patch]
 * @property {number} [ask]
 * @property {number} [code]
 */

/**
 * Request the data map up to an epoch.
 * @typedef {object} UptoRequest
 * @property {number} epoch
 */

/**
 * Request the positions of rows on a map.
 * @typedef {object} TrailRequest
 * @property {"data" | "embedding"} map
 * @property {number[]} rows
 * @property {number} [epoch]
 */

/**
 * Extent of an epoch's layout; `later` as in `EmbeddingAnswer`.
 * @typedef {object} TrailAnswer
 * @property {number[][]} [extent]
 * @property {number} [later]
 */

/**
 * Request the embedding map of an epoch, -1 = last.
 * @typedef {object} EmbeddingRequest
 * @property {number} [epoch]
 */

/**
 * A description of the layout; `later` is the epoch whose layout will be announced by a message when it is done.
 * @typedef {object} EmbeddingAnswer
 * @property {string} note
 * @property {number} [later]
 */

/**
 * The objects with an embedding: the keys of their units, names of the kinds of errors, and the projection in
 * words.
 * The buffers are the rows of their examples, positions x, y, class codes (-1 = none), probabilities of an error, and
 * kinds of errors (-1 = none).
 * @typedef {object} ObjectsAnswer
 * @property {string[]} keys
 * @property {string[]} kinds
 * @property {string} note
 */

/**
 * Request the estimate and, with `draw`, the sample: of units, or of whole examples.
 * @typedef {object} AuditRequest
 * @property {boolean} [draw]
 * @property {"unit" | "example"} [per]
 */

/**
 * The estimate; with `draw`, the rows of the sample are the first buffer.
 * @typedef {object} AuditAnswer
 * @property {AuditInfo} audit
 * @property {Patch} [patch]
 */

/**
 * Write the corrected data; with `ask`, only return the path.
 * @typedef {object} ExportRequest
 * @property {string} path
 * @property {boolean} [ask]
 * @property {string | null} [cleaned]
 * @property {boolean} [overwrite]
 */

/**
 * The path of the file, and a description of what was written, or whether the file exists.
 * @typedef {object} ExportAnswer
 * @property {string} path
 * @property {string} [text]
 * @property {boolean} [there]
 */

/**
 * Save the displayed state under a name; the mask of the selection is the buffer.
 * @typedef {object} SaveViewRequest
 * @property {Record<string, any>} [filters]
 * @property {string} [color_by]
 * @property {Record<string, number[]>} [cameras]
 * @property {Record<string, number>} [epochs]
 * @property {(number | string)[]} [selection]
 * @property {string} [saved]
 * @property {string} name
 */

/**
 * The fields of each kind of request, besides kind, request and turn.
 * @typedef {object} Requests
 * @property {Nothing} open
 * @property {NameRequest} column
 * @property {MediaRequest} media
 * @property {RowRequest} sound
 * @property {RowRequest} picture
 * @property {TileRequest} tile
 * @property {MaskPartRequest} mask_part
 * @property {RowRequest} text
 * @property {RowRequest} inspect
 * @property {SelectRequest} select
 * @property {RowRequest} current
 * @property {QueueRequest} queue
 * @property {Nothing} slices
 * @property {NameRequest} slice
 * @property {MatrixRequest} matrix
 * @property {Nothing} classes
 * @property {RulesRequest} rules
 * @property {RuleRequest} rule
 * @property {Nothing} forms
 * @property {FormRequest} form
 * @property {PeopleRequest} people
 * @property {CompareRequest} compare
 * @property {DifferRequest} differ
 * @property {SearchRequest} search
 * @property {DecideRequest} decide
 * @property {AddClassRequest} add_class
 * @property {AcceptRequest} accept
 * @property {ReplaceRequest} replace
 * @property {TravelRequest} undo
 * @property {TravelRequest} redo
 * @property {UptoRequest} upto
 * @property {TrailRequest} trail
 * @property {EmbeddingRequest} embedding
 * @property {Nothing} objects
 * @property {Nothing} rank
 * @property {AuditRequest} audit
 * @property {ExportRequest} export
 * @property {SaveViewRequest} save_view
 * @property {NameRequest} show_view
 * @property {NameRequest} delete_view
 */

/**
 * The fields of each kind of answer, besides request; an answer with `error` has at most a patch.
 * @typedef {object} Answers
 * @property {OpenAnswer} open
 * @property {ColumnAnswer} column
 * @property {MediaAnswer} media
 * @property {SoundAnswer} sound
 * @property {PictureAnswer} picture
 * @property {TileAnswer} tile
 * @property {MaskRuns} mask_part
 * @property {TextAnswer} text
 * @property {InspectAnswer} inspect
 * @property {CountMessage} select
 * @property {Nothing} current
 * @property {QueueAnswer} queue
 * @property {SlicesAnswer} slices
 * @property {Nothing} slice
 * @property {MatrixAnswer} matrix
 * @property {ClassesAnswer} classes
 * @property {RulesAnswer} rules
 * @property {RuleAnswer} rule
 * @property {FormsAnswer} forms
 * @property {FormAnswer} form
 * @property {PeopleAnswer} people
 * @property {CompareAnswer} compare
 * @property {CountMessage} differ
 * @property {CountMessage} search
 * @property {DecideAnswer} decide
 * @property {DecideAnswer} add_class
 * @property {AcceptAnswer} accept
 * @property {ReplaceAnswer} replace
 * @property {DecideAnswer} undo
 * @property {DecideAnswer} redo
 * @property {Nothing} upto
 * @property {TrailAnswer} trail
 * @property {EmbeddingAnswer} embedding
 * @property {ObjectsAnswer} objects
 * @property {Nothing} rank
 * @property {AuditAnswer} audit
 * @property {ExportAnswer} export
 * @property {Nothing} save_view
 * @property {Nothing} show_view
 * @property {Nothing} delete_view
 */

/**
 * The content of an answer after an error.
 * @typedef {object} ErrorAnswer
 * @property {string} error
 * @property {Patch} [patch]
 */

/**
 * Progress of a long request.
 * @typedef {object} ProgressPush
 * @property {"progress"} push
 * @property {string} text
 */

/**
 * Python set the queue; its rows are the buffer.
 * @typedef {object} QueuePush
 * @property {"queue"} push
 * @property {string} by
 * @property {string} unit
 */

/**
 * Python set the selection; its mask is the buffer.
 * @typedef {object} SelectionPush
 * @property {"selection"} push
 */

/**
 * Python shows another example.
 * @typedef {object} GoPush
 * @property {"go"} push
 * @property {number} row
 */

/**
 * The names of the saved views.
 * @typedef {object} ViewsPush
 * @property {"views"} push
 * @property {string[]} views
 */

/**
 * Decisions that Python made.
 * @typedef {object} DecidedPush
 * @property {"decided"} push
 * @property {Patch} patch
 * @property {string | null} time
 */

/**
 * A better layout of the last epoch; its positions are the buffer.
 * @typedef {object} EmbeddingPush
 * @property {"embedding"} push
 * @property {string} note
 */

/**
 * A layout is done, or has failed.
 * @typedef {object} ProjectedPush
 * @property {"projected"} push
 * @property {number | string} epoch
 * @property {string} [failed]
 */

/**
 * Everything changed: the page must reopen.
 * @typedef {object} ReopenPush
 * @property {"reopen"} push
 */

/**
 * Messages that Python sends unasked, by `push`.
 * @typedef {object} Pushes
 * @property {ProgressPush} progress
 * @property {QueuePush} queue
 * @property {SelectionPush} selection
 * @property {GoPush} go
 * @property {ViewsPush} views
 * @property {DecidedPush} decided
 * @property {EmbeddingPush} embedding
 * @property {ProjectedPush} projected
 * @property {ReopenPush} reopen
 */
