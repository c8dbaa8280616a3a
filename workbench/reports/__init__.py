"""Reports for others: figures, and one HTML page about a run."""
