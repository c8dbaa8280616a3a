"""The journal: decisions, undo and redo with several authors, errors."""

from __future__ import annotations

import os
import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.runs import authors
from workbench.runs.journal import LOG_COLUMNS, Entry, Journal
from workbench.storage import journalfile


def label(journal, id):
    """The current label; "cat" (the given one) where nothing was decided."""
    value = journal.state().label.to_dict().get(id)
    return "cat" if value is None else value


# ---- by hand -------------------------------------------------------------------------------------------------


def test_relabel_then_undo_then_redo_by_hand(journal):
    batch = journal.relabel([3, 1], "dog", old="cat", source="explorer", reason=["near dogs", "never learned"])
    assert batch == 1
    state = journal.state()
    assert state.index.tolist() == [1, 3]
    assert state.index.dtype == np.int64
    assert state.loc[3, ["label", "verdict", "flag", "author", "reason"]].tolist() == [
        "dog",
        "relabel",
        False,
        "ann",
        "near dogs",
    ]

    undone = journal.undo()
    assert [(e.seq, e.id, e.field, e.old, e.new, e.reverts) for e in undone] == [
        (5, 3, "label", "dog", "cat", 1),
        (6, 1, "label", "dog", "cat", 2),
        (7, 3, "verdict", "relabel", None, 3),
        (8, 1, "verdict", "relabel", None, 4),
    ]
    assert journal.state().empty
    redone = journal.redo()
    assert [(e.id, e.new) for e in redone if e.field == "label"] == [(3, "dog"), (1, "dog")]
    assert redone[0].reason == "near dogs"
    assert journal.state().label.to_dict() == {1: "dog", 3: "dog"}
    assert journal.undo()
    assert journal.redo()
    assert journal.redo() == []


def test_log_has_every_column_and_times_with_milliseconds(journal):
    journal.relabel("img_7", "dog", old=None)
    log = journal.log()
    assert tuple(log.columns) == LOG_COLUMNS
    assert Entry._fields == (*LOG_COLUMNS, "unit"), "which a log has where something is about a unit"
    assert log.id.tolist() == ["img_7", "img_7"]
    assert log.old.tolist() == [None, None]
    assert log.time.str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").all()
    assert journal.last_seq == 2
    assert journal.since(1) == [Entry(*journal.log().iloc[1])]
    assert journal.since(2) == []


def test_new_decision_ends_redo_but_not_undo(journal):
    journal.relabel(1, "dog", old="cat")
    journal.undo()
    journal.relabel(2, "emu", old="cat")
    assert journal.redo() == []
    journal.undo()
    assert journal.undo() == []


def test_redo_goes_back_up_in_order(journal):
    for name in ("dog", "emu", "fox"):
        journal.relabel(1, name, old="cat")
    seen = [label(journal, 1)]
    for step in (journal.undo,) * 3 + (journal.redo,) * 3 + (journal.undo, journal.redo):
        assert step()
        seen.append(label(journal, 1))
    assert seen == ["fox", "emu", "dog", "cat", "dog", "emu", "fox", "emu", "fox"]


def test_keep_takes_back_a_relabelling_and_relabel_to_the_given_label_is_keep(journal):
    journal.relabel([1, 2], "dog", old="cat")
    journal.keep(1)
    journal.relabel(2, "cat", old="this is stale and ignored")
    state = journal.state()
    assert state.label.tolist() == ["cat", "cat"]
    assert state.verdict.tolist() == ["keep", "keep"]
    journal.undo()
    journal.undo()
    assert journal.state().label.tolist() == ["dog", "dog"]
    assert journal.state().verdict.tolist() == ["relabel", "relabel"]


def test_keep_of_an_untouched_id_says_nothing_on_the_label(journal):
    journal.keep([1, 2])
    journal.keep(3, old="cat")
    assert journal.state().label.tolist() == [None, None, "cat"]
    assert journal.state().verdict.tolist() == ["keep"] * 3


def test_skip_flag_and_note_leave_the_label(journal):
    journal.relabel(1, "dog", old="cat")
    journal.skip(1)
    journal.flag([1, 2])
    journal.note(2, "blurred")
    state = journal.state()
    assert state.loc[1, ["label", "verdict", "flag", "note"]].tolist() == ["dog", "skip", True, None]
    assert state.loc[2, ["label", "verdict", "flag", "note"]].tolist() == [None, None, True, "blurred"]
    journal.note(2, "")
    journal.flag([1, 2], on=False)
    assert journal.state().flag.tolist() == [False, False]
    assert journal.state().note.tolist() == [None, None]
    journal.undo()
    assert journal.state().flag.tolist() == [True, True]


def test_integer_and_text_ids_are_different_examples(journal):
    journal.relabel([5, "5"], ["dog", "emu"], old=["cat", None])
    assert journal.state().label.to_dict() == {5: "dog", "5": "emu"}


def test_numpy_and_scalar_ids(journal):
    journal.relabel(np.array([4, 2], np.int32), np.array(["dog", "emu"]), old=np.array(["cat", None], object))
    journal.flag(np.int64(4))
    journal.note(np.array(["a", "b"]), "x")
    assert [type(id) for id in journal.state().index] == [int, int, str, str]


def test_nothing_selected_is_nothing_done(journal):
    assert journal.relabel([], "dog", old="cat") is None
    assert journal.keep(np.array([], int)) is None
    assert journal.undo() == []
    assert journal.redo() == []
    assert journal.last_seq == 0
    assert not journal.path.exists()
    assert journal.state().columns.tolist() == [
        "label",
        "verdict",
        "flag",
        "note",
        "author",
        "time",
        "reason",
    ]
    assert journal.log().columns.tolist() == list(LOG_COLUMNS)
    assert journal.opinions().shape == (0, 0)


# ---- authors -------------------------------------------------------------------------------------------------


def test_undo_leaves_what_somebody_else_decided(tmp_path):
    ann, bob = Journal(tmp_path, author="ann"), Journal(tmp_path, author="bob")
    ann.relabel([1, 2], "dog", old="cat")
    bob.relabel([2, 3], "emu", old="cat")
    assert {e.id for e in ann.undo()} == {1, 2}
    assert [label(ann, id) for id in (1, 2, 3)] == ["cat", "emu", "emu"], "bob's later decision on 2 stands"
    assert ann.undo() == []
    bob.undo()
    assert [label(bob, id) for id in (1, 2, 3)] == ["cat", "cat", "cat"], "ann's was taken back before"
    ann.redo()
    assert [label(ann, id) for id in (1, 2, 3)] == ["dog", "dog", "cat"]


def test_undo_for_another_author_when_asked(tmp_path):
    ann, bob = Journal(tmp_path, author="ann"), Journal(tmp_path, author="bob")
    ann.relabel(1, "dog", old="cat")
    bob.relabel(1, "emu", old="cat")
    (first, _) = ann.undo(author="bob")
    assert (first.author, first.old, first.new) == ("ann", "emu", "dog")
    assert bob.redo()[0].new == "emu", "bob's decision, so bob can bring it back"
    assert ann.undo(anyone=True)[0].old == "emu"
    assert ann.undo(anyone=True)[0].old == "dog"
    assert ann.undo(anyone=True) == []
    assert ann.redo(anyone=True)[0].new == "dog"


def test_last_writer_wins_and_both_opinions_are_kept(tmp_path):
    ann, bob = Journal(tmp_path, author="ann"), Journal(tmp_path, author="bob")
    ann.relabel([1, 2], "dog", old="cat")
    bob.relabel(1, "emu", old="cat")
    bob.keep(2)
    bob.keep(3, old="cat")
    assert ann.state().label.tolist() == ["emu", "cat", "cat"]
    assert ann.state().author.tolist() == ["bob", "bob", "bob"]
    opinions = ann.opinions()
    assert opinions.columns.tolist() == ["ann", "bob"]
    assert opinions.values.tolist() == [["dog", "emu"], ["dog", "cat"], [None, "cat"]]
    assert ann.opinions("verdict").loc[2].tolist() == ["relabel", "keep"]
    with pytest.raises(InputError, match="Did you mean 'label'"):
        ann.opinions("labels")


def test_every_method_takes_an_author(journal):
    journal.relabel(1, "dog", old="cat", author="zoe")
    assert journal.undo() == []
    assert journal.undo(author="zoe")[0].author == "ann"


def test_author_is_the_login_name_and_survives_a_machine_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(authors.getpass, "getuser", lambda: "kim")
    assert Journal(tmp_path).author == "kim"

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(authors.getpass, "getuser", nobody)
    assert Journal(tmp_path).author == f"uid-{os.getuid()}"


def test_the_state_of_one_author_is_untouched_by_others(journal):
    journal.relabel([1], "dog", old="cat")
    journal.keep([2], old="cat")
    journal.relabel([1, 3], "owl", old="cat", author="bo")
    own = journal.state(author="ann")
    assert own.label.to_dict() == {1: "dog", 2: "cat"}
    assert own.author.tolist() == ["ann", "ann"]
    assert journal.state().label.to_dict() == {1: "owl", 2: "cat", 3: "owl"}
    journal.undo()
    assert journal.state(author="ann").label.to_dict() == {1: "dog"}
    assert journal.state(author="nobody").empty


# ---- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda j: j.relabel([1, 2, 1], "dog", old="cat"), "`ids` holds 1 more than once"),
        (lambda j: j.relabel([1, 2.5], "dog", old="cat"), r"`ids` row 1 is 2.5 of type float"),
        (lambda j: j.relabel([True], "dog", old="cat"), "bool"),
        (lambda j: j.relabel(np.array([True, False]), "dog", old="cat"), "bool"),
        (lambda j: j.relabel([2**63], "dog", old="cat"), "beyond 64 bits"),
        (lambda j: j.relabel([1, 2], ["dog"], old="cat"), "`new` has 1 values for 2 ids"),
        (lambda j: j.relabel([1, 2], "dog", old=["cat"]), "`old` has 1 values for 2 ids"),
        (lambda j: j.relabel(1, b"dog", old="cat"), "`new`"),
        (lambda j: j.relabel(1, float("nan"), old="cat"), "`new`"),
        (lambda j: j.relabel([1, 2], ["dog", None], old="cat"), "`new` row 1 is None"),
        (lambda j: j.relabel(1, "\ud800", old="cat"), "not valid Unicode"),
        (lambda j: j.relabel("\ud800", "dog", old="cat"), "not valid Unicode"),
        (lambda j: j.relabel(1, "dog", old="cat", author=7), "`author`"),
        (lambda j: j.note(1, 7), "`text`"),
    ],
)
def test_refuses_and_writes_nothing(journal, call, match):
    with pytest.raises(InputError, match=match):
        call(journal)
    assert journal.last_seq == 0


def test_hostile_text_stays_text(journal):
    texts = [
        "'; DROP TABLE entries; --",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "a\0b",
        "\u202egnp.exe",
        "🦊" * 500,
        "",
    ]
    journal.relabel(texts, texts, old=texts, reason=texts, source=texts[0], author=texts[1])
    assert journal.log().id.tolist()[: len(texts)] == texts
    assert journal.state().loc[texts, "label"].tolist() == texts
    assert journal.state().loc["a\0b", "reason"] == "a\0b"
    assert len(journal.undo(author=texts[1])) == 2 * len(texts)


def test_work_of_the_file_grows_with_what_is_asked_and_not_with_what_is_there(tmp_path, monkeypatch):
    """Counted in instructions of SQLite's virtual machine, which are the same on every computer."""
    steps = [0]

    def connect(*arguments, **options):
        opened = sqlite3.connect(*arguments, **options)
        opened.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 10)
        return opened

    monkeypatch.setattr(journalfile, "sqlite3", SimpleNamespace(**vars(sqlite3) | {"connect": connect}))

    def counted(work):
        before = steps[0]
        work()
        return steps[0] - before

    found = {}
    for n in (500, 4_000):
        with Journal(tmp_path / f"{n}.sqlite", author="ann") as journal:
            journal.relabel(range(n), "dog", old="cat")
            assert len(journal.state()) == n
            read, one = counted(journal.state), counted(lambda: journal.relabel(7, "emu", old="cat"))
            back, all_back = counted(journal.undo), counted(journal.undo)
            assert len(journal.state()) == 0
        found[n] = np.array([read / n, all_back / n, one, back])
    assert (found[500] > 0).all()
    assert (found[4_000] < 1.5 * found[500]).all(), found


def test_undoing_much_prints_one_line(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", "ann")
    assert journal.size_of_next() == journal.size_of_next(redo=True) == 0
    assert repr(journal.undo()) == "<no entries: there was nothing to undo>"
    journal.relabel(list(range(402)), "b", old="a")
    assert journal.size_of_next() == 402 and journal.size_of_next(author="bob") == 0
    entries = journal.undo()
    assert repr(entries) == "<804 entries of ann: label, verdict of 402 examples>"
    assert len(entries) == 804 and entries[0].id == 0, "a list all the same"
    assert journal.size_of_next() == 0 and journal.size_of_next(redo=True) == 402


# ---- units ---------------------------------------------------------------------------------------------------


def box(name, *corners):
    return f'{{"box":{list(corners)},"class":"{name}"}}'


def test_units_of_an_example_are_decided_one_by_one(journal):
    given = [box("cat", 0, 0, 9, 9), box("cat", 5, 5, 9, 9), None]
    said = [box("dog", 0, 0, 9, 9), given[1], box("cat", 1, 2, 3, 4)]
    journal.relabel([7, 7, 7], said, old=given, units=["g0", "g1", "a00000000000f"], source="explorer")
    journal.keep(7, old="nobody asks for the class of the example")
    journal.skip(8, units="g0")
    journal.flag([7, 8], units=["g1", "g0"])
    journal.note(7, "cut off at the edge", units="g0")
    table = journal.state(per="unit")
    assert table.index.tolist() == [(7, ""), (7, "a00000000000f"), (7, "g0"), (7, "g1"), (8, "g0")]
    assert table["verdict"].tolist() == ["keep", "relabel", "relabel", "keep", "skip"]
    assert table["flag"].tolist() == [False, False, False, True, True]
    assert table.loc[(7, "g0"), "note"] == "cut off at the edge"
    assert journal.state().index.tolist() == [7], "decisions on the example itself"
    assert journal.state().loc[7, "note"] is None
    decided = journal.decided()
    assert decided[["id", "unit", "label"]].to_numpy().tolist()[:3] == [
        [7, "g0", said[0]],
        [7, "g1", said[1]],
        [7, "a00000000000f", said[2]],
    ]
    changes = journal.changes()
    assert changes.index.tolist() == [(7, "a00000000000f"), (7, "g0")]
    assert changes["given_label"].tolist() == [None, given[0]]
    assert changes["label"].tolist() == [said[2], said[0]]
    assert journal.opinions(per="unit").index.tolist() == [(7, ""), (7, "a00000000000f"), (7, "g0"), (7, "g1")]
    assert journal.log().columns.tolist() == [*LOG_COLUMNS, "unit"]
    assert {entry.unit for entry in journal.standing()} == {"g0", "g1", "a00000000000f", ""}
    with pytest.raises(InputError, match="Did you mean 'unit'"):
        journal.state(per="units")


def test_undo_takes_back_the_units_of_one_call_and_no_other(journal):
    journal.relabel([7, 7], ["x", "y"], old=["a", "b"], units=["g0", "g1"])
    journal.relabel(7, "z", old="b", units="g1")
    assert repr(journal.undo()) == "<2 entries of ann: label, verdict of 1 unit of 1 example>"
    assert journal.state(per="unit")["label"].tolist() == ["x", "y"]
    assert [(entry.unit, entry.new) for entry in journal.undo() if entry.field == "label"] == [("g0", "a"), ("g1", "b")]
    assert journal.state(per="unit").empty and journal.changes().empty and journal.decided().empty
    journal.redo()
    assert journal.changes()["label"].tolist() == ["x", "y"]
    assert journal.inconsistencies() == []


def test_units_leave_decisions_of_others_on_other_units(tmp_path):
    ann, bob = Journal(tmp_path, author="ann"), Journal(tmp_path, author="bob")
    ann.relabel(1, "x", old="a", units="g0")
    bob.relabel(1, "y", old="b", units="g1")
    ann.relabel(1, "w", old="c")
    assert len(ann.undo()) == 2 and len(ann.undo()) == 2
    assert bob.state(per="unit").index.tolist() == [(1, "g1")]
    assert bob.opinions(per="unit")["bob"].tolist() == ["y"]


@pytest.mark.parametrize(
    ("units", "match"),
    [
        (["g0", "g0"], r"`ids` holds '1 'g0'|`ids` holds .*g0.* more than once"),
        (["g0"], "`units` has 1 values for 2 ids"),
        (["g0", 1], "`units` row 1 is 1"),
        (None, "`units` row 0 is None"),
    ],
)
def test_units_that_are_refused(journal, units, match):
    with pytest.raises(InputError, match=match):
        journal.relabel([1, 1], "dog", old="cat", units=units)
    assert journal.last_seq == 0
