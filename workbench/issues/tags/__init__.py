"""Which tags of which examples are missing or wrong: the estimator of multi-label data, and its parts.

`estimator` is the answer; `heads` predicts each tag from embeddings without the example's own row, `sets` from its
other tags, `lines` puts scores on the scale of the given tags, `rates` says how often each tag is left out or given
for nothing; `candidates` picks the cells worth looking at where tags are too many for all of them.
"""
