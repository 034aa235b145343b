"""What is asked and how it is judged: tasks, metrics, file formats, and the registry of corpora and benchmarks."""
