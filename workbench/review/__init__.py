"""A person at work: what to look at first, ready-made selections, several annotators, agreement, pace, export."""
