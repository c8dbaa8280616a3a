"""Which labels are wrong, and how sure we are: confident learning, the calibrated detector, canaries, audit.

`find_issues` (`detector`) is the answer; the modules beside it are its parts (`posterior`, `loo_classifiers`,
`from_dynamics`, `ranking`, `calibration`, `reasons`) and its relatives (`plant`, `audit_plan`, `duplicates`,
`outliers`).
"""

from workbench.issues.detector import find_issues
from workbench.issues.plant import planted_report

__all__ = ["find_issues", "planted_report"]
