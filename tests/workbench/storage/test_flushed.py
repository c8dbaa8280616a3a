"""Saved data is flushed to disk before its name appears and the call returns; all other tests skip the flush."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from workbench.runs.journal import Journal
from workbench.storage.layout import atomic

pytestmark = pytest.mark.usefixtures("real_disk")


def test_the_file_then_its_name_then_the_folder(tmp_path, monkeypatch):
    done = []
    real = {"fsync": os.fsync, "replace": os.replace}

    def fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real["fsync"](descriptor)

    def replace(*paths):
        done.append("name")
        real["replace"](*paths)

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr("os.replace", replace)
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert done == ["file", "name", "folder"]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_decision_waits_for_the_disk(tmp_path):
    with Journal(tmp_path / "journal.sqlite", author="ann") as journal:
        journal.keep(1)
        assert journal._file._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert journal._file._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_product_says_so_and_not_a_test():
    code = "from workbench.storage import journalfile; print(journalfile.SYNCHRONOUS)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "FULL\n"
