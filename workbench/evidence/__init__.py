"""What models say about the labels: named arrays, out-of-fold predictions, embeddings and what is made of them."""
