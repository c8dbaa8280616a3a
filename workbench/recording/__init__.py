"""Record a training: from a loop, one line a batch (`recorder`), or afterwards from its checkpoints (`replay`).

Each example and epoch is reduced to a dozen numbers (`statistics`), appended to a stream that survives a crash
(`epoch`), by one process or several (`ranks`).
"""
