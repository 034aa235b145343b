"""What happened after a release: a sample of the queries that were served, and what follows from it.

::

    recorded_queries    the sample on disk: bounded in rows and in age, reached by wbrag forget
    question_drift      whether the questions have moved away from those that trained
    sample_figures      the figures, the findings, and the rule that says when training again is worth it
    usage_reading       all of it from a home
"""
