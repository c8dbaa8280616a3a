"""What models say about the labels: named arrays, out-of-fold predictions, embeddings, neighbours and projections."""
