"""Simulations with known true labels: digits with label noise of a chosen kind, and networks trained on them."""
