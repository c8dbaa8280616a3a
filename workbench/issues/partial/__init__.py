"""Whether the true class is in a set of candidates, and which of them it is.

classifiers that never see a row's own set, taught again on what they choose (`disambiguation`)
-> probabilities, pooled with given ones (`pooling`)
-> mass outside the set, calibrated by planted wrong sets (`canaries`)
"""
