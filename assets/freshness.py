"""How old what is served may be."""

from datetime import timedelta

import dagster as dg

# The corpora are refreshed every night: one missed night is a warning, two are a failure.
REFRESHED_NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
# Training follows a refresh that changed something; most nights change nothing.
TRAINED_NOW_AND_THEN = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=30), warn_window=timedelta(days=14))
