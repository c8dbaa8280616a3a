"""Find wrong grades of (query, item) pairs, and unjudged items that are likely relevant.

rankers, texts, votes -> features within a query -> grades by an ordinal model, out of fold -> posterior -> P(wrong)
"""
