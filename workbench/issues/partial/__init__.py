"""Judge candidate sets: whether they contain the true class, and which candidate it is.

1. Leave-one-out classifiers, retrained on the candidates that they choose (`disambiguation`).
2. Their probabilities, pooled with given ones (`pooling`).
3. The probability outside each set, calibrated by planted wrong sets (`canaries`).
"""
