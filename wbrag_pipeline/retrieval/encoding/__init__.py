"""From texts to vectors: the encoders, and the vectors that are stored so that nothing is encoded twice."""
