"""Progress: texts for listeners, a bar in terminals, nothing otherwise."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import workbench as wb
from workbench.foundation import progress
from workbench.foundation.progress import listening, step, task


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_listener_hears_the_steps_of_inner_tasks_too():
    heard = []
    with listening(heard.append), task("outer", 3):
        step("one")
        with task("inner", 2):
            step("two")
    step("nobody waits")
    assert heard == ["one", "inner", "two"]


def test_a_bar_appears_in_a_terminal_though_no_step_has_ended(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress, "DELAY", 0.01)
    monkeypatch.setattr(sys, "stderr", terminal)
    with task("find_issues", 4):
        step("kernel ridge")
        progress._task.get().timer.join()
        assert "find_issues: kernel ridge" in terminal.getvalue()
    assert progress._task.get() is None


def test_a_bar_is_full_when_all_is_done_and_not_after_an_error():
    with task("find_issues", 6):
        step("one")
        done = progress._task.get().bar
    assert done.total == done.n
    with pytest.raises(ValueError, match="mine"), task("find_issues", 6):
        failed = progress._task.get().bar
        raise ValueError("mine")
    assert failed.total == 6


def test_what_is_quick_shows_no_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress, "DELAY", 3600.0)
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="mine"), task("find_issues", 4):
        step("kernel ridge")
        raise ValueError("mine")
    assert terminal.getvalue().strip() == "" and progress._task.get() is None


def test_nothing_is_printed_where_nobody_looks(monkeypatch):
    quiet = io.StringIO()
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(sys, "stderr", quiet)
    with task("find_issues", 2):
        step("one")
        step("two")
    assert quiet.getvalue() == ""


def test_find_issues_says_what_it_does():
    rng = np.random.default_rng(0)
    labels, heard = np.arange(40) % 2, []
    with listening(heard.append):
        wb.find_issues(labels, embeddings=rng.normal(size=(40, 3)) + 3 * labels[:, None])
    assert heard[0] == "reading the evidence" and heard[-1] == "reasons"
    assert "kernel ridge on embeddings" in heard


def test_a_report_says_what_it_does(tmp_path):
    data = wb.Dataset.from_arrays(np.arange(40) % 2)
    logits = np.random.default_rng(0).normal(size=(40, 2)) + 2 * np.eye(2)[data.given_labels]
    with wb.Recorder(tmp_path / "run", data) as rec, rec.epoch(0):
        rec.batch(data.ids, logits)
    heard = []
    with listening(heard.append):
        wb.report(wb.open_run(tmp_path / "run"), tmp_path / "report.html")
    assert heard[0] == "label errors" and heard[-1] == "figures"
    assert "reading the evidence" in heard and "data map" in heard
