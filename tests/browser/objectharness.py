"""The picture of an example with objects in a page: places on it, and what was decided about the objects."""

from __future__ import annotations

import json

STAGE = ".lw-stage-canvas"
FOCUSED = ".lw-boxes .lw-unit.lw-focused"
VALUES = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"


class Canvas:
    """The picture in the inspector, addressed in its own pixels."""

    def __init__(self, page: object, size: tuple[int, int]) -> None:
        self.page, self.size = page, size

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(STAGE).bounding_box()
        k = min(box["width"] / self.size[0], box["height"] / self.size[1])
        left, top = (box["width"] - self.size[0] * k) / 2, (box["height"] - self.size[1] * k) / 2
        return box["x"] + left + x * k, box["y"] + top + y * k

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=3)
        mouse.up()


def shown(lab: object, id: str, element: str = FOCUSED) -> None:
    """Show an example and wait for its objects, or another element; before, Python knows which one the page shows."""
    now = lab.page.locator(".lw-title", has_text="-").inner_text().split()[-1]
    lab.probe.wait(f"ex.current == {now!r}")
    lab.probe.run(f"ex.current = {id!r}")
    lab.page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(` ${id}`)", arg=id)
    lab.page.locator(element).wait_for()


def said(lab: object) -> dict:
    return {tuple(key): json.loads(value) for key, value in lab.probe.eval(f"list({VALUES}.items())")}


def relative(page: object, at: tuple[float, float]) -> dict[str, float]:
    box = page.locator(STAGE).bounding_box()
    return {"x": at[0] - box["x"], "y": at[1] - box["y"]}


def opens_when_saved(lab: object, path: object) -> None:
    """Save the page with three examples, and open it: it shows the objects, and nothing went wrong in either."""
    lab.probe.run(f"ex.save_html({str(path)!r}, examples=3)")
    assert lab.errors == []
    still = lab.page.context.new_page()
    still.goto(path.as_uri())
    still.locator(FOCUSED).wait_for()
    still.close()
