"""Embeddings: where they come from, the nearest neighbours of every example, a picture in two dimensions."""
