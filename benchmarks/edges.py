"""Wrong and missing edges: planted ones found by `wb.graphs.edge_issues`, beside the Adamic-Adar index.

    python benchmarks/edges.py [graph_cora_llm_dev.npz]

Of the citations of Cora (if its file is given) and of two block models (750 nodes, 16 weak features), 10 or 3 % of the
edges are removed and as many random pairs added. AUROC / average precision of the added ones among the given edges, the
calibration error (ECE), expected and true number, and whether the number counts as known; then the same of the removed
ones among the proposed pairs, and the share of the removed ones that are proposed. "nothing": edges alone; "features",
"labels": given as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nodes import block_model, cora
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.issues.calibration import calibration_error

SHARES = (0.1, 0.03)
HEAD = """| graph | beside edges | planted | wrong edges | by Adamic-Adar | ECE | expected / true | known \
| missing edges | by Adamic-Adar | ECE | proposed | s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def damaged(edges: np.ndarray, n: int, share: float, seed: int) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """Return edges of which some are replaced by random pairs, and the set of true pairs."""
    rng = np.random.default_rng(seed)
    known = np.unique(np.sort(edges, axis=1), axis=0)
    known = known[known[:, 0] < known[:, 1]]
    true = set(map(tuple, known.tolist()))
    count = round(share * len(known))
    added: set[tuple[int, int]] = set()
    while len(added) < count:
        one, other = sorted(rng.integers(0, n, 2).tolist())
        if one != other and (one, other) not in true:
            added.add((one, other))
    kept = np.delete(known, rng.choice(len(known), count, replace=False), axis=0)
    return np.concatenate([kept, np.array(sorted(added)).reshape(-1, 2)]), true


def graphs(path: str | None) -> Iterator[tuple[str, np.ndarray, int, dict[str, dict[str, Any]]]]:
    """(name, edges, number of nodes, arrays beside the edges by what they are)."""
    made = [block_model("blocks, .1 / .005", 0, 0.1, 0.005), block_model("blocks, .05 / .01", 0, 0.05, 0.01)]
    for case in [*([] if path is None else [cora(Path(path))]), *made]:
        beside = {"nothing": {}, "features": {"features": case.features}}
        beside["features, labels"] = {"features": case.features, "labels": case.given}
        yield case.name, case.edges, len(case.given), beside


def told(wrong: np.ndarray, p: np.ndarray, index: np.ndarray) -> list[str]:
    """AUROC / AP of the probabilities and of the index, and the calibration error."""
    if not wrong.any():
        return ["-", "-", f"{calibration_error(p, wrong):.3f}"]
    cells = [f"{roc_auc_score(wrong, one):.3f} / {average_precision_score(wrong, one):.3f}" for one in (p, index)]
    return [*cells, f"{calibration_error(p, wrong):.3f}"]


def main() -> None:
    print(HEAD)
    for name, edges, n, beside in graphs(sys.argv[1] if len(sys.argv) > 1 else None):
        for what, arrays in beside.items():
            for share in SHARES:
                given, true = damaged(edges, n, share, 0)
                start = time.perf_counter()
                found = wb.graphs.edge_issues(given, n=n, **arrays)
                took = time.perf_counter() - start
                issues, about = found.issues.sort_values("row"), found.dataset.metadata
                linked = (issues["kind"] == "wrong").to_numpy()
                pairs = zip(about["source"].tolist(), about["target"].tolist())
                wrong = linked != np.array([tuple(sorted(pair)) in true for pair in pairs])
                p, index = issues["p_error"].to_numpy(), about["adamic_adar"].to_numpy()
                first = told(wrong[linked], p[linked], -index[linked])
                counted = f"{p[linked].sum():.0f} / {wrong[linked].sum()}"
                known = "no" if found.issues.attrs["errors_in_words"].startswith("0 to") else "yes"
                second = told(wrong[~linked], p[~linked], index[~linked])
                proposed = f"{wrong[~linked].sum()} of {round(share * len(true))}"
                row = [name, what, f"{share:.0%}", *first, counted, known, *second, proposed, f"{took:.1f}"]
                print("| " + " | ".join(row).replace(" 0.", " .") + " |", flush=True)


if __name__ == "__main__":
    main()
