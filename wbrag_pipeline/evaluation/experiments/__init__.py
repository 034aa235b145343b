"""The paper's experiments: which method gains on which benchmark, whose units help whom, what the thresholds do.

``trials`` makes the tables of one setting by the stages' own functions and keeps them by content; ``matrix``,
``transfer``, ``ablation``, ``construction`` and ``oracle`` are what is said about such tables; ``conduct`` runs them in
order. Nothing here touches the tables or the releases of ``wbrag run``.
"""
