"""Nodes of a graph in the page: the linked nodes of an example, their drawing, and navigation along links."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return samples.node_run(tmp_path_factory.mktemp("nodes") / "papers")


def test_a_node_is_relabelled_undone_kept_and_exported(explorer, nodes, tmp_path):
    lab = explorer(path=shutil.copytree(nodes, tmp_path / "papers"))
    page, probe = lab.page, lab.probe
    page.locator(".lw-linked .lw-neighbor").first.wait_for()

    # without epochs and features the first map shows what the links say; there is no second one
    maps = page.locator(".lw-map")
    assert maps.nth(0).locator(".lw-map-title").text_content() == "links and labels" and maps.nth(1).is_hidden()
    box = page.locator(".lw-over").first.bounding_box()
    assert box["width"] > 400
    xy = probe.eval("[ex._view.columns[one].values.tolist() for one in ('links (log2)', 'p_given (links)')]")
    edges, given = probe.eval("ex.run.dataset.edges.degree.tolist()"), probe.eval("ex.run.dataset.given.tolist()")
    there = np.array(edges) > 0
    assert np.array_equal(np.isfinite(xy[0]), there) and np.array_equal(np.isfinite(xy[1]), there)
    lab.lasso(0, 0.02)
    probe.wait("len(ex.selection) > 100")

    page.get_by_role("button", name="clear selection").click()
    probe.wait("len(ex.selection) == 0")
    page.locator(".lw-name").click()
    first = probe.wait("ex.current")  # the page tells it after a pause
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=first)
    place = probe.eval("ex.run.dataset.ids.tolist()").index(first)
    suggested = probe.eval(f"ex._view.issues['suggested_label'][{first!r}]")
    assert suggested != given[place]
    page.keyboard.press(" ")  # accept: the next node comes
    state = "ex.run.journal.state()['label']"
    probe.wait(f"{state}.get({first!r}) == {suggested!r}")
    probe.wait(f"ex.current != {first!r}")
    page.keyboard.press("u")
    probe.wait(f"{state}.dropna().empty")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=first)
    page.keyboard.press("Shift+U")
    probe.wait(f"{state}.get({first!r}) == {suggested!r}")
    probe.wait(f"ex.current == {first!r}")
    second = probe.eval(f"[one for one in ex.queue if one != {first!r}][0]")
    probe.run(f"ex.current = {second!r}")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=second)
    page.keyboard.press("k")
    probe.wait(f"{state}.get({second!r}) is not None")

    # all of it is there when the page is opened again, and in the file
    lab.run_all()
    page.locator(".lw-linked .lw-neighbor").first.wait_for()
    assert probe.eval("ex._view.decisions.edited") == 1
    target = tmp_path / "out.csv"
    page.locator("button", has_text="Export").click()
    page.locator(".lw-export .lw-path").fill(str(target))
    page.locator(".lw-export .lw-primary").click()
    page.wait_for_function("() => document.querySelector('.lw-export .lw-result').textContent.includes('out.csv')")
    frame = pd.read_csv(target).set_index("paper")
    assert (
        frame.loc[first, "field"] == suggested
        and frame.loc[second, "field"] == given[probe.eval("ex.run.dataset.ids.tolist()").index(second)]
    )
    assert (frame["field"] != given).sum() == 1
    assert lab.errors == []


def test_without_anything_to_place_the_grid_takes_the_room_of_the_maps(explorer, tmp_path):
    from workbench.recording.imports import import_run

    frame = pd.DataFrame({"id": [f"n{row}" for row in range(60)], "label": ["a", "b", "c"] * 20})
    import_run(frame, tmp_path / "labels", label="label", id="id")
    lab = explorer(path=tmp_path / "labels")
    page = lab.page
    page.locator(".lw[data-state=ready]").wait_for()
    page.locator(".lw-grid .lw-no-maps").wait_for()
    assert page.locator(".lw-map:visible").count() == 0 and page.locator(".lw-grid-button").is_hidden()
    grid, inspector = page.locator(".lw-grid").bounding_box(), page.locator(".lw-inspector").bounding_box()
    assert grid["width"] > inspector["width"] and grid["height"] > 400
    page.locator(".lw-name").click()
    page.keyboard.press("Enter")  # means what it means beside maps
    assert page.locator(".lw-grid").is_visible() and page.locator(".lw-lightbox").is_hidden()
    assert lab.errors == []


def test_linked_nodes_are_shown_counted_and_stepped_to(explorer, nodes):
    lab = explorer(path=nodes)
    page, probe = lab.page, lab.probe
    linked = page.locator(".lw-linked .lw-neighbor")
    linked.first.wait_for()
    current = probe.wait("ex.current")
    row = f"int(ex._view.dataset.rows([{current!r}])[0])"
    rows = probe.eval(f"ex.run.dataset.edges.linked({row}).tolist()")
    shown = [int(one) for one in linked.evaluate_all("all => all.map((one) => one.dataset.row)")]
    assert shown == rows[:16]
    given = probe.eval("ex.run.dataset.given_labels.tolist()")
    mine = given[probe.eval(row)]
    differ = sum(given[one] != mine for one in rows)
    title = page.locator(".lw-linked h4").text_content()
    assert title == f"{len(rows)} linked nodes: {differ} given another label"
    assert "linked nodes are labelled" in page.locator(".lw-inspector").text_content()
    lab.wait_until_painted(".lw-ego")

    linked.first.click()  # along a link
    probe.wait(f"ex.current == ex.run.dataset.ids[{shown[0]}]")
    lonely = probe.eval("ex.run.dataset.ids[0]")
    probe.run(f"ex.current = {lonely!r}")
    page.wait_for_function("() => document.querySelector('.lw-linked h4').textContent === 'no linked nodes'")
    assert page.locator(".lw-ego").is_hidden()
