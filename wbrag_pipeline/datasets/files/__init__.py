"""Files as rows: lines, CSV, JSON and Parquet, read in bounded memory and trusted with nothing."""
