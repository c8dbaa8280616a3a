"""The journal: decisions, undo between authors, two writers, kill -9, read-only places, strangers' files."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import journal as journal_module
from workbench.errors import InputError, RunError
from workbench.journal import COLUMNS, Entry, Journal
from workbench.storage import journalfile


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite", author="ann") as opened:
        yield opened


def label(journal, id):
    """The label that holds, "cat" (the given one) where nothing was decided."""
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
    assert tuple(log.columns) == COLUMNS == Entry._fields
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
    assert journal.log().columns.tolist() == list(COLUMNS)
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
    monkeypatch.setattr(journal_module.getpass, "getuser", lambda: "kim")
    assert Journal(tmp_path).author == "kim"

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(journal_module.getpass, "getuser", nobody)
    assert Journal(tmp_path).author == f"uid-{os.getuid()}"


# ---- laws ----------------------------------------------------------------------------------------------------

STEP = st.tuples(
    st.sampled_from(["relabel", "relabel", "keep", "skip", "flag", "note", "undo", "redo"]),
    st.sampled_from(["ann", "bob"]),
    st.sets(st.sampled_from([1, 2, 3, "a"]), min_size=1, max_size=3),
    st.sampled_from(["cat", "dog", "emu"]),
)


def naive(steps):
    """The same journal as two stacks per author, the plain way: a list of (author, [(id, field, value)]) that hold."""
    held, taken = [], {"ann": [], "bob": []}
    given = {}  # ids of which the journal knows the given label, "cat" for all
    for kind, who, ids, value in steps:
        if kind == "undo":
            mine = [n for n, (author, _) in enumerate(held) if author == who]
            if mine:
                taken[who].append(held.pop(mine[-1]))
        elif kind == "redo":
            if taken[who]:
                held.append(taken[who].pop())
        else:
            if kind == "relabel":
                given.update(dict.fromkeys(ids, "cat"))
                what = [(id, "label", value) for id in ids]
                what += [(id, "verdict", "keep" if value == "cat" else "relabel") for id in ids]
            elif kind == "keep":
                what = [(id, "label", "cat") for id in ids if id in given] + [(id, "verdict", "keep") for id in ids]
            elif kind == "skip":
                what = [(id, "verdict", "skip") for id in ids]
            else:
                what = [(id, kind, "true" if kind == "flag" else value) for id in ids]
            held.append((who, what))
            taken[who].clear()
    state, opinions = {}, {}
    for who, what in held:
        for id, field, value in what:
            state.setdefault(id, dict.fromkeys(["label", "verdict", "flag", "note"]))[field] = value
            if field == "label":
                opinions[id, who] = value
    return state, opinions


@settings(max_examples=50, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_agrees_with_two_plain_stacks(steps):
    with tempfile.TemporaryDirectory() as folder, Journal(folder, author="nobody") as journal:
        for kind, who, ids, value in steps:
            ids = sorted(ids, key=str)
            if kind == "relabel":
                journal.relabel(ids, value, old="cat", author=who)
            elif kind == "note":
                journal.note(ids, value, author=who)
            elif kind in ("undo", "redo"):
                getattr(journal, kind)(author=who)
            else:
                getattr(journal, kind)(ids, author=who)
        state, opinions = naive(steps)
        table = journal.state()
        found = {
            id: dict(row)
            for id, row in zip(table.index, table[["label", "verdict", "flag", "note"]].to_dict("records"))
        }
        for row in found.values():
            row["flag"] = "true" if row["flag"] else None
        assert found == state
        said = journal.opinions().stack() if len(opinions) else {}
        assert {key: value for key, value in dict(said).items() if value is not None} == opinions

        last = {}  # each entry's `old` is what held before, and the last `new` of an id and field is what holds now
        for entry in journal.since(0):
            if (entry.id, entry.field) in last:
                assert entry.old == last[entry.id, entry.field]
            last[entry.id, entry.field] = entry.new
        for (id, field), value in last.items():
            baseline = "cat" if field == "label" else None
            held = state.get(id, {}).get(field)
            assert value == (baseline if held is None else held)


# ---- refusals ------------------------------------------------------------------------------------------------


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
        (lambda j: j.relabel(1, 4, old="cat"), "`new`"),
        (lambda j: j.relabel([1, 2], ["dog", None], old="cat"), "`new` row 1 is None"),
        (lambda j: j.relabel(1, "\ud800", old="cat"), "no valid Unicode"),
        (lambda j: j.relabel("\ud800", "dog", old="cat"), "no valid Unicode"),
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


def test_the_file_itself_refuses_changes(journal):
    journal.relabel(1, "dog", old="cat")
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        for attack in (
            "UPDATE entries SET new = 'emu'",
            "DELETE FROM entries",
            "DELETE FROM batches",
            "UPDATE batches SET owner = 'x'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(attack)
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(
                "INSERT INTO entries (id, field, author, time, source, reason, batch) "
                "VALUES (x'00', 'label', '', '', '', '', 1)"
            )


def test_newer_schema_and_foreign_files_are_refused(journal, tmp_path):
    journal.relabel(1, "dog", old="cat")
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(RunError, match="schema version 2; this version reads up to 1"):
        journal.state()
    with pytest.raises(RunError, match="schema version 2"):
        journal.keep(1)

    other = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(RunError, match="is not a journal"):
        Journal(other).keep(1)
    text = tmp_path / "text.sqlite"
    text.write_text("id,label\n" * 200)
    with pytest.raises(RunError, match="not a database"):
        Journal(text).state()
    with pytest.raises(RunError, match="directory of the journal"):
        Journal(tmp_path / "no" / "journal.sqlite").keep(1)


@pytest.mark.parametrize(
    "trap",
    [
        "CREATE TRIGGER trap AFTER INSERT ON entries BEGIN INSERT INTO batches (owner, depth) VALUES ('evil', 0); END",
        "CREATE VIEW trap AS SELECT 1",
        "DROP TRIGGER entries_no_delete",
    ],
)
def test_a_stranger_cannot_hide_triggers_in_the_file(journal, trap):
    journal.keep(1)
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        db.execute(trap)
    with pytest.raises(RunError, match="tampered"):
        journal.state()


# ---- places, processes, threads --------------------------------------------------------------------------------


def test_reopened_elsewhere_and_pickled(journal):
    journal.relabel(1, "dog", old="cat")
    assert Journal(journal.path.parent).state().label.tolist() == ["dog"]
    again = pickle.loads(pickle.dumps(journal))
    assert (again.path, again.author) == (journal.path, "ann")
    assert again.state().label.tolist() == ["dog"]


def test_a_replaced_file_is_noticed(journal, tmp_path):
    journal.relabel(1, "dog", old="cat")
    other = Journal(tmp_path / "other.sqlite", author="bob")
    other.relabel(2, "emu", old="cat")
    other.close()
    os.replace(other.path, journal.path)
    for suffix in ("-wal", "-shm"):
        journal.path.with_name(journal.path.name + suffix).unlink(missing_ok=True)
    journal.relabel(3, "fox", old="cat")
    assert Journal(journal.path).state().index.tolist() == [2, 3]
    journal.close()
    journal.path.unlink()
    assert journal.last_seq == 0
    assert journal.keep(9) == 1


@contextlib.contextmanager
def unprivileged():
    """Root may write anywhere, so step down to the user `nobody` for a while."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


@pytest.mark.parametrize("with_log", [False, True], ids=["closed", "copied-while-open"])
def test_reads_in_a_read_only_place(journal, with_log):
    journal.relabel([1, 2], "dog", old="cat")
    if not with_log:
        journal.close()
    folder = Path(tempfile.mkdtemp())
    try:
        for part in journal.path.parent.glob("journal.sqlite*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, folder)
                (folder / part.name).chmod(0o444)
        assert (folder / "journal.sqlite-wal").exists() == with_log
        folder.chmod(0o555)
        with unprivileged(), Journal(folder, author="bob") as copy:
            assert copy.state().label.tolist() == ["dog", "dog"]
            assert copy.read_only
            with pytest.raises(RunError, match="read-only place"):
                copy.relabel(1, "emu", old="cat")
            with pytest.raises(RunError, match="read-only place"):
                copy.undo()
        assert sorted(p.name for p in folder.iterdir()) == sorted(
            {"journal.sqlite", *(["journal.sqlite-wal"] if with_log else [])}
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_threads_share_one_journal(journal):
    failures = []

    def work(n):
        try:
            for i in range(25):
                journal.relabel(n * 100 + i, "dog", old="cat", author=f"t{n}")
                if i % 5 == 4:
                    journal.undo(author=f"t{n}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(journal.state()) == 4 * 20
    assert journal.last_seq == 4 * (25 + 5) * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the operating system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_survives_a_fork(journal):
    journal.relabel(1, "dog", old="cat")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            journal.relabel(2, "emu", old="cat")
            code = 0 if len(journal.state()) == 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    journal.relabel(3, "fox", old="cat")
    assert journal.state().index.tolist() == [1, 2, 3]


WRITER = """
import sys
from workbench.journal import Journal
path, author, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
journal = Journal(path, author=author)
i = 0
while count < 0 or i < count:
    name = f"{author}-{i % 50}"
    batch = journal.relabel([name, name + "b"], f"class {i}", old="cat")
    if i % 7 == 6:
        print(f"undo {journal.undo()[-1].seq}", flush=True)
    else:
        print(f"{journal.last_seq} {name} {i}", flush=True)
    i += 1
"""


def writer(path, author, count=-1):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), author, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(journal_module.__file__).parents[1])},
    )


def test_two_processes_writing_at_once_lose_nothing(tmp_path):
    path = tmp_path / "journal.sqlite"
    both = [writer(path, author, 60) for author in ("ann", "bob")]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    log = Journal(path).log()
    undone = 60 // 7
    assert len(log) == 2 * (60 + undone) * 4
    assert log.seq.tolist() == list(range(1, len(log) + 1))
    assert (log.groupby("batch").author.nunique() == 1).all()
    assert (log.groupby("batch").size() == 4).all()


def kill_while_writing(path, author, after):
    """Start a writer, kill -9 it `after` seconds past its first word, return the lines that it got out."""
    process = writer(path, author)
    lines = [process.stdout.readline()]
    killer = threading.Timer(after, process.send_signal, (signal.SIGKILL,))
    killer.start()
    lines += process.stdout.read().splitlines(keepends=True)
    killer.join()
    err = process.stderr.read()
    assert process.wait(30) == -signal.SIGKILL, err
    process.stdout.close()
    process.stderr.close()
    return [line.split() for line in lines if line.endswith("\n")]


def check_nothing_lost(path, author, lines):
    """Every acknowledged entry is there; a batch is whole or absent."""
    journal = Journal(path, author="reader")
    entries = {entry.seq: entry for entry in journal.since(0)}
    labels = {(e.author, e.id, e.new) for e in entries.values() if e.field == "label"}
    for line in lines:
        if line[0] == "undo":
            assert entries[int(line[1])].reverts is not None
        else:
            assert (author, line[1], f"class {line[2]}") in labels, f"lost {line}"
    sizes = journal.log().groupby("batch").size()
    assert set(sizes) <= {4}, "a batch is written whole or not at all"
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("round", range(3))
def test_kill_9_loses_nothing_acknowledged(tmp_path, rng, round):
    path = tmp_path / "journal.sqlite"
    after = float(rng.uniform(0.0, 0.15)) + 0.05 * round
    lines = kill_while_writing(path, "ann", after)
    assert lines
    check_nothing_lost(path, "ann", lines)
    with Journal(path, author="ann") as journal:  # and it goes on as if nothing had been
        before = journal.last_seq
        assert journal.undo()
        assert journal.last_seq == before + 4


@pytest.mark.slow
def test_kill_9_again_and_again_with_a_second_writer(tmp_path, rng):
    """A dozen kills on one journal while another process writes and is never disturbed."""
    path = tmp_path / "journal.sqlite"
    other = writer(path, "bob")
    heard = []
    listener = threading.Thread(
        target=lambda: heard.extend(line.split() for line in other.stdout if line.endswith("\n"))
    )
    listener.start()
    acknowledged = []
    try:
        for n in range(12):
            acknowledged += [
                (f"ann{n}", line) for line in kill_while_writing(path, f"ann{n}", float(rng.exponential(0.08)))
            ]
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait(30)
        listener.join(30)
        other.stderr.close()
        other.stdout.close()
    assert len(heard) > 20, "the second writer was never starved"
    check_nothing_lost(path, "bob", heard)
    for author in sorted({author for author, _ in acknowledged}):
        check_nothing_lost(path, author, [line for who, line in acknowledged if who == author])


def test_a_long_writer_elsewhere_makes_others_wait_not_fail(journal, monkeypatch):
    journal.keep(1)
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None, check_same_thread=False)) as db:
        db.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, db.execute, ("COMMIT",))
        start = time.monotonic()
        release.start()
        journal.keep(2)
        assert time.monotonic() - start > 0.2
        release.join()
        monkeypatch.setattr(journalfile, "WAIT", 0.2)
        journal.close()
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunError, match="locked by another process"):
            journal.keep(3)
        assert len(Journal(journal.path).state()) == 2, "readers are not held up"
        db.execute("COMMIT")


@pytest.mark.slow
def test_a_hundred_thousand_entries_stay_quick(journal):
    journal.relabel(range(50_000), "dog", old="cat")
    start = time.process_time()
    assert len(journal.state()) == 50_000
    read = time.process_time() - start
    start = time.process_time()
    journal.relabel(7, "emu", old="cat")
    one = time.process_time() - start
    start = time.process_time()
    journal.undo()
    journal.undo()
    back = time.process_time() - start
    assert len(journal.state()) == 0
    assert (read < 4, one < 0.5, back < 8) == (True, True, True), (read, one, back)


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
