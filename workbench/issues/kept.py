"""The detector's last answer for a run, kept in its cache, so that nobody waits for it twice.

The key is the evidence, not the journal: who asks again after some decisions gets the same order, the one that is being
worked through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.storage.cache import evidence_key, key_digest, load_frame, store_frame

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run import Run

NAME = "suspects"
VERSION = 3
"""Of the detector: another number when the same evidence gives another result."""


def kept_issues(run: Run, special: Mapping[str, object] | None = None) -> pd.DataFrame | None:
    """What `keep_issues` kept for the same evidence, as `find_issues` returns it; None where there is nothing.

    Parameters
    ----------
    run : Run
    special : dict, optional
        What the answer depends on besides the evidence, such as the author whose verdicts were used.
    """
    return load_frame(run, *_place(run, special))


def keep_issues(run: Run, issues: pd.DataFrame, special: Mapping[str, object] | None = None) -> None:
    """Keep the result of `find_issues` in the run's cache."""
    store_frame(run, *_place(run, special), issues, quiet=False)


def _place(run: Run, special: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
    """Name and key in the cache."""
    special = dict(special or {})
    name = f"{NAME}-for={key_digest(special)[:8]}" if special else NAME
    return name, evidence_key(run) | {"detector": VERSION} | special
