"""The files of a run directory: names and atomic writes (`layout`), examples, cache, journal.

Everything that reads untrusted bytes (images, tables, SQLite) is here; nothing here depends on scores.
"""
