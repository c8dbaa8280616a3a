"""Confident learning on arrays: the confident joint, label issues, pruning, the health of classes."""
