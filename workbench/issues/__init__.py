"""Which labels are wrong, and how sure we are: confident learning, the calibrated detector, canaries, audit.

`find_issues` is the answer; the modules beside it are its parts (`space`, `heads`, `dynamics`, `combine`, `calibrate`,
`reasons`) and its relatives (`confident`, `health`, `plant`, `audit`).
"""

from workbench.issues.detector import canary_report, find_issues

__all__ = ["canary_report", "find_issues"]
