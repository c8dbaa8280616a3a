"""Texts in the page: alternatives by digit, editing, undo, replacement in many, and the export after a reload."""

from __future__ import annotations

import json

import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHOICES = ".lw-inspector .lw-text-choice"


def test_texts_are_chosen_edited_replaced_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.text_run(tmp_path / "captions"))
    page, probe = lab.page, lab.probe
    page.locator(f"{CHOICES}.lw-is-hint").wait_for()
    texts = "dict(zip(ex.run.dataset.ids.tolist(), ex._view.dataset.kind.to_column(ex.run.labels(), ex.run.classes)))"
    alternatives = "ex.run.dataset.metadata.alternatives"

    def shown(id):
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))
        page.locator(CHOICES).first.wait_for()

    def text_of(id):
        return f"{texts}[{id!r}]"

    page.locator(".lw-name").click()
    first = probe.wait("ex.current")
    assert int(first[1:]) % 10 == 6
    other = probe.eval(f"{alternatives}[{int(first[1:])}][1]")
    shown(first)
    marked = page.locator(CHOICES).first.locator("ins, del")
    assert marked.count() > 0  # words that differ
    place = page.locator(CHOICES).evaluate_all("all => all.map(one => one.dataset.text)").index(other) + 1
    page.keyboard.press(str(place))
    probe.wait(f"{text_of(first)} == {other!r}")
    probe.wait(f"ex.current != {first!r}")
    page.keyboard.press("u")
    probe.wait(f"{text_of(first)} != {other!r}")
    shown(first)
    given = probe.eval(text_of(first))
    page.keyboard.press(" ")  # the suggested alternative
    probe.wait(f"{text_of(first)} in {alternatives}[{int(first[1:])}]")

    probe.wait(f"ex.current != {first!r}")
    second = probe.eval("ex.current")
    shown(second)
    before = probe.eval(text_of(second))
    page.keyboard.press("Enter")
    box = page.locator(".lw-text-box")
    box.wait_for()
    page.keyboard.type(" discarded k f 1")
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert probe.eval(text_of(second)) == before
    page.keyboard.press("Enter")
    box.wait_for()
    assert box.input_value() == before
    page.keyboard.type(", edited")
    page.keyboard.press("Enter")
    probe.wait(f"{text_of(second)} == {before + ', edited'!r}")

    # go back: the versions of the text are listed
    probe.wait(f"ex.current != {second!r}")
    page.keyboard.press("ArrowLeft")
    shown(second)
    page.locator(".lw-text-versions summary").wait_for()
    assert page.locator(".lw-text-versions summary").text_content() == "2 versions"

    # replacement in all filtered texts, with preview, as one undo step
    page.get_by_role("button", name="Replace text").click()
    page.get_by_label("text to look for").fill("colour")
    page.get_by_label("replacement", exact=True).fill("color")
    page.locator(".lw-replaced-text").first.wait_for()
    has = probe.eval(f"sum('colour' in text for text in {texts}.values())")
    assert page.locator(".lw-replacer [role=status]").text_content().startswith(f"{has} texts of 120")
    assert page.locator(".lw-replaced-text").count() == 12
    page.screenshot(path=str(tmp_path / "replacing.png"))
    page.get_by_role("button", name="Replace", exact=True).click()
    probe.wait(f"not any('colour' in text for text in {texts}.values())")
    page.locator(".lw-name").click()
    page.keyboard.press("u")
    probe.wait(f"sum('colour' in text for text in {texts}.values()) == {has}")
    page.keyboard.press("Shift+U")
    probe.wait(f"not any('colour' in text for text in {texts}.values())")

    # right-to-left and long texts
    page.locator(".lw-text-words").first.wait_for()
    assert page.locator(".lw-text-words").first.get_attribute("dir") == "auto"
    probe.run("ex.current = 't16'")
    shown("t16")
    took = page.evaluate(
        """async () => {
          const start = performance.now();
          document.querySelector('.lw-text-choice').offsetHeight;
          return performance.now() - start;
        }"""
    )
    assert took < 500

    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=str(tmp_path / f"texts-{width}.png"))
    lab.theme("JupyterLab Dark")
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.screenshot(path=str(tmp_path / "texts-dark.png"))

    lab.run_all()  # a new view of the same run
    probe.run(f"ex.current = {second!r}")
    shown(second)
    edited = f"{before}, edited".replace("colour", "color")
    page.wait_for_function("text => document.querySelector('.lw-text-now').innerText.includes(text)", arg=", edited")
    assert probe.eval(text_of(second)) == edited
    probe.run(f"from workbench.review.export import export; export(ex.run, {str(tmp_path / 'out.jsonl')!r})")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    by_id = {line["id"]: line for line in lines}
    assert by_id[first]["given_label"] == given and by_id[first]["label"] != given
    assert by_id[second]["label"] == edited
    assert lab.errors == []
