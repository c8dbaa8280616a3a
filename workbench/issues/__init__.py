"""Find wrong labels with calibrated probabilities: the detector, planted errors, audits, duplicates and outliers.

`find_issues` (`detector`) is the main function. `posterior`, `loo_classifiers`, `from_dynamics`, `ranking`,
`calibration` and `reasons` are its parts; `plant`, `audit_plan`, `duplicates` and `outliers` are related tools.
"""

from workbench.issues.detector import find_issues
from workbench.issues.plant import planted_report

__all__ = ["find_issues", "planted_report"]
