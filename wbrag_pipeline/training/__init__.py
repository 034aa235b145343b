"""Training: every stage from questions to units, put together once (paper, section 3)."""
