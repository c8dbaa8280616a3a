"""A recorded training as it is read: the run, the journal of decisions beside it, votes, what counts as a verdict."""
