"""The files of a run directory and what makes them safe: names and atomic writes (`layout`), examples, cache, journal.

Nothing here knows what a score is; everything that touches untrusted bytes (images, tables, SQLite) is here.
"""
