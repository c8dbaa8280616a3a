"""Figures, and a report about a run as one HTML page."""
