"""Reading a recorded training: the run, its journal of decisions, votes, and which decisions count as verdicts."""
