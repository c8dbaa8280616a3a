"""Nodes of a graph in the page: the linked nodes of an example, their drawing, and navigation along links."""

from __future__ import annotations

import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return samples.node_run(tmp_path_factory.mktemp("nodes") / "papers")


def test_linked_nodes_are_shown_counted_and_stepped_to(explorer, nodes):
    lab = explorer(path=nodes)
    page, probe = lab.page, lab.probe
    linked = page.locator(".lw-linked .lw-neighbor")
    linked.first.wait_for()
    current = probe.eval("ex.current")
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
    painted = (
        "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0)"
    )
    assert page.locator(".lw-ego").evaluate(painted)

    linked.first.click()  # along a link
    probe.wait(f"ex.current == ex.run.dataset.ids[{shown[0]}]")
    lonely = probe.eval("ex.run.dataset.ids[0]")
    probe.run(f"ex.current = {lonely!r}")
    page.wait_for_function("() => document.querySelector('.lw-linked h4').textContent === 'no linked nodes'")
    assert page.locator(".lw-ego").is_hidden()
