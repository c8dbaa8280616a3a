"""Find wrong boxes: overlooked and spurious ones, wrong classes, wrong places.

predictions -> locations (one per place, classes as a vector) -> matched with the given boxes -> features -> planted
errors of every kind -> P(wrong) of given boxes and of candidates
"""
