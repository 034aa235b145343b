"""Experiments: the paper's (which method gains on which benchmark, what the thresholds do), and further ones.

``trials`` makes the tables of one setting by the stages' own functions and keeps them by content. A module for each
experiment (``matrix``, ``transfer``, ``ablation``, ``oracle``, ``rivals``, ``labels``, ``drawn_splits``) says what
follows from such tables, and ``conduct`` runs them in order. Nothing here touches the tables or the releases of
``wbrag run``.
"""
