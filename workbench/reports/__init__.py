"""What others are shown: figures, and one HTML page about a run."""
