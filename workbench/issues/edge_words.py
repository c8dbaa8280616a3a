"""Reasons for and against a link between two nodes, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

MUCH = 2.0
"""Ratio of links between two classes to random ones from which it is mentioned."""


COSINE_RANK = "cosine_rank"
"""Column: share of random absent pairs whose features are less similar."""


def reasons_of_pairs(evidence: pd.DataFrame) -> list[str]:
    """Describe the evidence about each pair; up to three reasons, joined by "; ".

    Parameters
    ----------
    evidence : (m rows), as from `pair_evidence`, with `COSINE_RANK` if there are features.
    """
    parts = [[_counted(int(one), "common neighbour") for one in evidence["shared"]]] if "shared" in evidence else []
    if COSINE_RANK in evidence:
        above = evidence[COSINE_RANK].to_numpy(float)
        parts.append([f"features are more similar than those of {share:.0%} of random pairs" for share in above])
    if "label_odds" in evidence:
        parts.append([_classes(float(one)) for one in np.exp(evidence["label_odds"])])
    return ["; ".join(filter(None, line)) for line in zip(*parts)] if parts else [""] * len(evidence)


def _counted(number: int, what: str) -> str:
    return f"no {what}" if number == 0 else f"{number:,} {what}{'' if number == 1 else 's'}"


def _classes(times: float) -> str:
    """Describe how often the two classes are linked, compared with random links."""
    if times >= MUCH:
        return f"their classes are linked {times:.1f} times as often as by chance"
    return f"their classes are linked {times:.2f} times as often as by chance" if times <= 1 / MUCH else ""
