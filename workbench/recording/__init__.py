"""Record a training: from its loop, with one line per batch (`recorder`), or later from its checkpoints (`replay`).

Each example in each epoch is reduced to a dozen numbers (`statistics`), which are appended to a stream that survives a
crash (`epoch`), by one process or several (`ranks`).
"""
