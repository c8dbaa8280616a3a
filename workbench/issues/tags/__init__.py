"""Find missing and wrong tags of examples: the estimator of multi-label data and its parts.

`estimator` combines all parts. `heads` predicts each tag from embeddings with leave-one-out regression, `sets` from the
other tags of the example. `lines` converts scores to probabilities of the given tags, `rates` estimates how often each
tag is missing or given by mistake. `candidates` selects the cells to judge if there are too many tags to judge all.
"""
