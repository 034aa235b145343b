"""The embedded reader: a small extractive model that answers on a CPU."""
