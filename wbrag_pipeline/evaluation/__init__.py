"""With and without write-back: the comparison, its statistics, pictures and report."""
