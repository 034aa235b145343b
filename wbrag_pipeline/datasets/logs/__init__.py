"""Logs of a running RAG application as training material: one reader a format, and a benchmark made of what is read.

``log_files`` reads a log, ``time_split`` parts training from test, ``merged_questions`` makes one question of all its
repetitions, and ``log_benchmark`` does all three.
"""
