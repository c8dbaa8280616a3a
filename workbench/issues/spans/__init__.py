"""Wrong spans: which given spans are wrong in class, place or at all, and which are missing.

tokens -> out-of-fold probabilities of tags -> posterior of each token -> spans, given and missed -> P(wrong)
"""
