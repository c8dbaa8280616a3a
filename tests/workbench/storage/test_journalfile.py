"""The file behind a journal: full disks, read-only places, two writers, threads, forks, kill -9."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import pytest

from workbench.foundation.errors import RunError
from workbench.runs.journal import Journal
from workbench.storage import journalfile

# ---- external failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "not_said"),
    [
        ("database or disk is full", "full disk. Make room", "move it away"),
        ("disk I/O error", "make room, check it.*leave the file where it is", "move it away"),
        ("unable to open database file", "Check the permissions", "move it away"),
        ("attempt to write a readonly database", "Copy the run", "move it away"),
        ("database disk image is malformed", "is damaged.*move it away", "make room"),
        ("file is not a database", "is damaged.*move it away", "make room"),
    ],
)
def test_the_advice_fits_the_failure(journal, monkeypatch, text, said, not_said):
    journal.keep(1)

    def fail(*_):
        raise sqlite3.OperationalError(text)

    monkeypatch.setattr(journalfile, "_patiently", fail)
    with pytest.raises(RunError, match=said) as told:
        journal.keep(2)
    assert not_said not in str(told.value).lower()


def test_a_read_only_place_without_a_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(journalfile, "_writable", lambda path: False)
    with pytest.raises(RunError, match=r"read-only place.*Copy the run"):
        Journal(tmp_path).keep(1)
    assert Journal(tmp_path).state().empty


def test_reading_on_a_full_disk(journal, monkeypatch):
    """The log cannot be created, so a copy is read; once there is space, writing works again."""
    journal.keep(1)
    journal.close()

    def full(path):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(journalfile, "_connect_writable", full)
        assert journal.state().index.tolist() == [1]
        with pytest.raises(RunError, match="full disk"):
            journal.keep(2)
    assert journal.keep(3)
    assert journal.state().index.tolist() == [1, 3]


def test_a_copy_of_the_file_alone_holds_what_a_person_decided(journal, tmp_path):
    """Ten decisions in quick succession, then an immediate copy without the log."""
    for id in range(10):
        journal.keep(id)
    shutil.copy(journal.path, tmp_path / "copy.sqlite")
    assert len(Journal(tmp_path / "copy.sqlite").state()) == 10


def test_a_quick_loop_is_in_the_file_a_second_later(journal, tmp_path, monkeypatch):
    """Beyond the limit of immediate checkpoints one timer does the rest, without keeping a journal alive."""
    timers = []

    class Timer:
        daemon = False

        def __init__(self, seconds, act, arguments):
            self.act = lambda: act(*arguments)
            timers.append(self)

        def start(self):
            assert self.daemon, "a process would wait for it"

        def is_alive(self):
            return True

    monkeypatch.setattr(journalfile.threading, "Timer", Timer)
    journal.keep(0)
    monkeypatch.setattr(journalfile, "CHECKPOINTS", 0)  # as in a long loop
    for id in range(1, 5):
        journal.keep(id)
    assert len(timers) == 1
    timers[0].act()
    shutil.copy(journal.path, tmp_path / "copy.sqlite")
    assert len(Journal(tmp_path / "copy.sqlite").state()) == 5
    journal.keep(9)
    assert len(timers) == 2  # the next loop gets its own timer
    journal.close()
    timers[1].act()  # nothing is open, so nothing is done
    assert len(journal.state()) == 6


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
    """Run as the user `nobody` for a while, since root may write anywhere."""
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
from workbench.runs.journal import Journal
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


def test_two_processes_writing_at_once_lose_nothing(tmp_path, forks):
    path = tmp_path / "journal.sqlite"
    both = [forks.start(WRITER, path, author, 60) for author in ("ann", "bob")]
    for process in both:
        assert process.stdout.read().endswith("59\n")
        assert process.wait() == 0, process.errors()
    log = Journal(path).log()
    undone = 60 // 7
    assert len(log) == 2 * (60 + undone) * 4
    assert log.seq.tolist() == list(range(1, len(log) + 1))
    assert (log.groupby("batch").author.nunique() == 1).all()
    assert (log.groupby("batch").size() == 4).all()


def kill_while_writing(forks, path, author, after):
    """Start a writer, kill -9 it `after` seconds after its first output, and return the lines it printed."""
    process = forks.start(WRITER, path, author, -1)
    lines = [process.stdout.readline()]
    killer = threading.Timer(after, process.kill)
    killer.start()
    lines += process.stdout.read().splitlines(keepends=True)
    killer.join()
    assert process.wait() == -signal.SIGKILL, process.errors()
    return [line.split() for line in lines if line.endswith("\n")]


def check_nothing_lost(path, lines):
    """Check that every acknowledged entry, (author, line), is there and every batch is complete or absent."""
    journal = Journal(path, author="reader")
    entries = {entry.seq: entry for entry in journal.since(0)}
    labels = {(e.author, e.id, e.new) for e in entries.values() if e.field == "label"}
    for author, line in lines:
        if line[0] == "undo":
            assert entries[int(line[1])].reverts is not None
        else:
            assert (author, line[1], f"class {line[2]}") in labels, f"lost {line}"
    sizes = journal.log().groupby("batch").size()
    assert set(sizes) <= {4}, "a batch is written whole or not at all"
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("round", range(3))
def test_kill_9_loses_nothing_acknowledged(tmp_path, forks, rng, round):
    path = tmp_path / "journal.sqlite"
    after = float(rng.uniform(0.0, 0.15)) + 0.05 * round
    lines = kill_while_writing(forks, path, "ann", after)
    assert lines
    check_nothing_lost(path, [("ann", line) for line in lines])
    with Journal(path, author="ann") as journal:  # and it continues as if nothing had happened
        before = journal.last_seq
        assert journal.undo()
        assert journal.last_seq == before + 4


@pytest.mark.slow
def test_kill_9_again_and_again_with_a_second_writer(tmp_path, forks, rng):
    """Eight kills on one journal while another process writes undisturbed."""
    path = tmp_path / "journal.sqlite"
    other = forks.start(WRITER, path, "bob", -1)
    heard = []
    listener = threading.Thread(
        target=lambda: heard.extend(line.split() for line in other.stdout if line.endswith("\n"))
    )
    listener.start()
    acknowledged = []
    try:
        for n in range(8):
            acknowledged += [
                (f"ann{n}", line) for line in kill_while_writing(forks, path, f"ann{n}", float(rng.exponential(0.08)))
            ]
    finally:
        other.kill()
        listener.join()
        other.wait()
    assert len(heard) > 20, "the second writer was never starved"
    check_nothing_lost(path, [*acknowledged, *(("bob", line) for line in heard)])


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
