"""A small world where the truth is known: digits with label noise of a chosen kind, and networks trained on them."""
