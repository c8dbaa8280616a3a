"""Spans and tokens in the page: classes by digit and name, boundaries by keys, repeated spans, undo, export, a saved
page, scripts that run from right to left or combine characters."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pandas as pd
import pytest
import samples

import workbench as wb

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FOCUSED = ".lw-passage .lw-rail.lw-focused"


def test_spans_are_changed_by_keys_undone_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.span_run(tmp_path / "spans"))
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).first.wait_for()
    first = probe.wait("ex.current")
    values = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"

    def shown(id):
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))
        page.locator(FOCUSED).first.wait_for()

    def said():
        return {tuple(key): json.loads(value) for key, value in probe.eval(f"list({values}.items())")}

    # accept the suggestion of the most doubtful span, and undo it
    shown(first)
    assert page.locator(".lw-passage .lw-token").count() == 10
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    probe.wait(f"len({values}) == 1")
    [(key, value)] = said().items()
    assert key[0] == first and (value is None or value["label"] in ("PER", "LOC"))
    page.keyboard.press("u")
    probe.wait(f"len({values}) == 0")
    shown(first)

    # boundaries by keys: Esc discards, Enter saves
    page.keyboard.press("Enter")
    page.locator(".lw-passage.lw-editing").wait_for()
    page.keyboard.press("]")
    page.keyboard.press("Escape")
    page.locator(".lw-passage.lw-editing").wait_for(state="detached")
    assert said() == {}
    before = page.locator(".lw-passage .lw-rail.lw-focused:not(.lw-is-hint)").count()
    page.keyboard.press("Enter")
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    probe.wait(f"len({values}) == 1")
    [(key, value)] = said().items()
    assert key[0] == first and value["end"] - value["start"] >= 2, (before, value)

    # a new span: drag over two tokens and type a class
    probe.wait(f"ex.current != {first!r}")  # nothing is undecided there, so the next example is shown
    probe.run(f"ex.current = {first!r}")
    shown(first)
    tokens = page.locator(".lw-passage .lw-token")
    tokens.nth(8).click(modifiers=["Shift"])
    tokens.nth(9).click(modifiers=["Shift"])
    page.locator(".lw-token.lw-marked").nth(1).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("LO")
    page.keyboard.press("Enter")
    probe.wait(f"any(key[1].startswith('a') for key in {values})")
    added = {key[1]: value for key, value in said().items() if key[1].startswith("a")}
    assert list(added.values()) == [{"start": 8, "end": 10, "label": "LOC"}]

    # all occurrences of the words at once, as one step
    probe.wait(f"ex.current != {first!r}")
    probe.run("ex.current = 's0'")
    shown("s0")
    page.locator(".lw-passage .lw-token").nth(4).click()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Digit8")  # "*" on this keyboard
    probe.wait(f"sum(key[0] == 's0' for key in {values}) == 2")
    own = {(value["start"], value["label"]) for key, value in said().items() if key[0] == "s0"}
    assert own == {(4, "LOC"), (7, "LOC")}
    page.keyboard.press("u")
    probe.wait(f"sum(key[0] == 's0' for key in {values}) == 0")

    # equal words with several labels: those without a span get one, as one step
    before = probe.eval(f"len({values})")
    page.locator("[role=tab]", has_text="forms").click()
    row = page.locator(".lw-form-row", has_text="Norwell").first
    row.wait_for()
    row.click()
    button = page.locator(".lw-form-tools .lw-button")
    places = int(button.inner_text().split()[1])
    assert places > 1 and button.inner_text().endswith("as LOC")
    button.click()
    assert probe.eval(f"len({values})") == before
    button.click()
    probe.wait(f"len({values}) == {before + places}")
    page.locator(".lw-name").click()
    page.keyboard.press("u")
    probe.wait(f"len({values}) == {before}")

    # all suggestions of one kind of error at once: the first click asks, the second accepts, one key undoes it
    order = page.get_by_label("order of the queue")
    order.select_option(order.locator("option[value^='kind: ']").first.get_attribute("value"))
    bulk = page.locator(".lw-bulk button:enabled", has_text="Accept")
    bulk.wait_for()
    many = int(bulk.inner_text().split()[1])
    lab.confirm(bulk, page.locator(".lw-bulk button", has_text=re.compile(rf"^Set {many} labels of .* Click again")))
    probe.wait(f"len({values}) >= {before + many}")
    page.locator(".lw-name").click()
    page.keyboard.press("u")
    probe.wait(f"len({values}) == {before}")

    probe.run(f"from workbench.review.export import export; export(ex.run, {str(tmp_path / 'out.jsonl')!r})")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    changed = next(row for row in rows if row["id"] == first)
    assert changed["changed"] and changed["given_label"] != changed["label"]
    page.screenshot(path=str(tmp_path / "spans.png"))
    assert lab.errors == []


def test_a_long_document_is_drawn_as_it_comes_into_sight_and_can_be_saved(explorer, tmp_path):
    words = [[f"w{i % 97}" for i in range(10_000)], *([f"a{row}", "in", "Rome", "now"] for row in range(40))]
    tags = [["B-X" if i % 50 == 3 else "O" for i in range(10_000)], *(["O", "O", "B-X", "O"] for _ in range(40))]
    frame = pd.DataFrame({"tokens": words, "tags": tags})
    run = wb.import_run(frame, tmp_path / "long", label="tags", task="spans")
    lab = explorer(path=run.path)
    lab.probe.run("ex.current = 0")
    lab.page.wait_for_function("() => document.querySelector('.lw-title').textContent.endsWith(' 0')")
    lab.page.locator(".lw-passage .lw-token").first.wait_for()
    assert lab.page.locator(".lw-passage .lw-token").count() < 2_000
    assert len(lab.page.locator(".lw-passage").inner_text()) > 30_000
    took = lab.page.evaluate(
        """async () => {
          const text = document.querySelector('.lw-passage'), start = performance.now();
          text.scrollTop = text.scrollHeight;
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          return performance.now() - start;
        }"""
    )
    assert took < 1_000
    lab.page.locator("[data-token='9999']").wait_for()
    first = "document.querySelector('.lw-passage .lw-token')"
    focused = f"document.querySelector({FOCUSED!r})?.dataset.key"
    before = lab.page.evaluate(f"() => {{ {first}.kept = true; return {focused}; }}")
    lab.page.locator(".lw-name").click()
    lab.page.keyboard.press("Tab")
    lab.page.wait_for_function(f"before => {focused} !== before", arg=before)
    assert lab.page.evaluate(f"() => {first}.kept"), "a new focus draws no text again"
    lab.probe.run(f"ex.save_html({str(tmp_path / 'saved.html')!r}, examples=5)")
    page = lab.page.context.new_page()
    page.goto((tmp_path / "saved.html").as_uri())
    page.locator(".lw-passage .lw-token").first.wait_for()
    assert page.locator(".lw-passage .lw-rail").count() > 0
    page.close()
    assert lab.errors == []


def test_classes_of_words_that_run_from_right_to_left(explorer, tmp_path):
    path = samples.token_run(tmp_path / "tokens")
    units = wb.find_issues(wb.open_run(path), per="unit")
    lab = explorer(path=path)
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).first.wait_for()
    first = probe.wait("ex.current")
    values = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"
    assert page.locator(".lw-passage .lw-token").count() == 6
    assert page.locator(".lw-passage .lw-rail:not(.lw-is-hint)").count() == 6
    boxes = page.evaluate(
        """() => Array.from(document.querySelectorAll(".lw-passage .lw-token"), (el) => {
          const own = el.getBoundingClientRect(), rail = el.querySelector(".lw-rail").getBoundingClientRect();
          return [own.left, own.right, rail.left, rail.right];
        })"""
    )
    assert all(one[0] > other[0] for one, other in pairwise(boxes)), "the first word stands on the right"
    assert all(abs(left - low) < 1 and abs(right - high) < 1 for left, right, low, high in boxes)

    # the suspicious word is in focus; Space accepts, u takes it back
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    probe.wait(f"len({values}) == 1")
    suspect = next(one for one in units.itertuples() if one.Index[0] == first)
    assert suspect.is_issue and suspect.suggested_label != suspect.given_label
    assert probe.eval(f"list({values}.items())") == [[list(suspect.Index), json.dumps(suspect.suggested_label)]]
    page.keyboard.press("u")
    probe.wait(f"len({values}) == 0")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(first))

    # arrows in edit mode move by a word, a digit sets its class, * that of all equal words
    page.locator(FOCUSED).first.wait_for()
    page.locator(".lw-passage .lw-token").nth(1).click()
    page.locator(".lw-rail.lw-focused[data-key=p1]").first.wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    probe.wait(f"{values}.get(({first!r}, 'p2')) == '\"PART\"'")
    probe.run(f"ex.current = {first!r}")
    page.locator(".lw-passage .lw-token").nth(5).click()
    page.locator(".lw-rail.lw-focused[data-key=p5]").first.wait_for()
    page.keyboard.press("3")
    probe.wait(f"{values}.get(({first!r}, 'p5')) == '\"VERB\"'")
    probe.run(f"ex.current = {first!r}")
    page.locator(".lw-passage .lw-token").nth(5).click()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Digit8")
    probe.wait(f"{values}.get(({first!r}, 'p0')) == '\"VERB\"'")
    page.screenshot(path=str(tmp_path / "tokens.png"))
    assert lab.errors == []


def test_positions_in_scripts_that_combine_characters_are_those_of_python(explorer, tmp_path):
    texts = ["𝒜nna saw e\u0301lan in नमस्ते today", "دانا رأت حيفا", *(f"Anna saw Rome {row}" for row in range(30))]
    spans = [[], [], *([(0, 4, "PER"), (9, 13, "LOC")] for _ in range(30))]
    frame = pd.DataFrame({"text": texts, "spans": spans})
    run = wb.import_run(frame, tmp_path / "scripts", label="spans", text="text", task="spans", classes=["LOC", "PER"])
    lab = explorer(path=run.path)
    page, probe = lab.page, lab.probe
    values = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"
    for row, places in ((0, [(0, 0), (2, 2), (4, 4)]), (1, [(0, 1), (2, 2)])):
        for first, last in places:
            probe.run(f"ex.current = {row}")
            page.wait_for_function(
                "row => document.querySelector('.lw-title').textContent.endsWith(` ${row}`)", arg=row
            )
            tokens = page.locator(".lw-passage .lw-token")
            tokens.nth(first).click(modifiers=["Shift"])
            if last > first:
                tokens.nth(last).click(modifiers=["Shift"])
            words = texts[row].split(" ")[first : last + 1]
            page.locator(".lw-token.lw-marked").nth(last - first).wait_for()
            assert page.locator(".lw-token.lw-marked").all_inner_texts() == words
            page.keyboard.press("1")
            start = texts[row].index(words[0])
            wanted = {"start": start, "end": start + len(" ".join(words)), "label": "LOC"}
            probe.wait(f"{json.dumps(wanted, sort_keys=True, separators=(',', ':'))!r} in {values}.values()")
    assert page.locator(".lw-passage").evaluate("el => el.matches(':dir(rtl)')")
    assert lab.errors == []


def test_faults_of_a_projection_are_reviewed_with_their_reasons(explorer, tmp_path):
    """A lost span with a suggestion, one without a place, and a doubled one; none has a probability."""
    source = [[(0, 3, "PER"), (11, 15, "LOC")], [(0, 3, "PER")], [(0, 3, "PER")]]
    marked = ["Ada fährt nach <b>Rom</b>", "Niemand kam", "<a>Ada</a> und <a>Bo</a> kamen"]
    texts = ["Ada goes to Rome", "Cyd came", "Ada and Bo came"]
    call = f"wb.spans.read_marked({marked!r}, {source!r}, style='letters', source_texts={texts!r}, ids=['x', 'y', 'z'])"
    found = eval(call)
    wb.import_run(found.frame(), tmp_path / "run", label="spans", text="text", id="id", task="spans")
    lab = explorer(path=tmp_path / "run", color_by="label")
    page, probe = lab.page, lab.probe
    probe.run(
        f"import workbench as wb; from widgets.view.queues import queue_rows, show_queue; view = ex._view; "
        f"view.show_issues({call}.issues); show_queue(view, 'suspicion', queue_rows(view, 'suspicion')); "
        f"view.channel.send({{'push': 'reopen'}}); ex.current = 'x'"
    )
    why = page.locator(".lw-why li")
    page.wait_for_function("() => document.querySelector('.lw-why li')?.textContent.includes('has no marker')")
    assert why.first.is_visible() and probe.eval("ex.queue") == ["x", "y", "z"]
    values = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    probe.wait(f"len({values}) == 1")
    assert probe.eval("ex.run.labels()[0].as_py()['spans'][0]") == {"start": 0, "end": 3, "label": 1}
    probe.wait("ex.current == 'y'")
    page.wait_for_function("() => document.querySelector('.lw-why li')?.textContent.includes('Cyd')")
    page.keyboard.press("k")
    probe.wait("ex.current == 'z'")
    page.wait_for_function("() => document.querySelector('.lw-why li')?.textContent.includes('several markers')")
    page.keyboard.press(" ")
    probe.wait("[len(one['spans']) for one in ex.run.labels().to_pylist()] == [2, 0, 1]")
    assert not lab.errors
