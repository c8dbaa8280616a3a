"""Find wrong spans: given spans with a wrong class or position, spurious ones, and missing ones.

tokens -> out-of-fold probabilities of tags -> posterior of each token -> spans, given and missed -> P(wrong)
"""
