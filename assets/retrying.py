"""What Dagster tries again: a stage whose generator, or whose remote, is a server that did not answer.

No asset has a ``retry_policy``. Which generator a run uses is known when it runs, not when the code location loads, and
a policy repeats a stage after any error: a file that is wrong would be read three times, and a run that a person ends
would begin again. So the stage's own error decides. What was answered is in the completion cache, so another try asks
for the rest.

A run of the command (``wbrag run``) ends at once: its message says that the same command goes on from there.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import dagster as dg

from wbrag_pipeline.errors import EndpointError, OvertakenError, RemoteError, TooManyFailedError
from wbrag_pipeline.generation.engines import runs_in_this_process

# After half a minute, a minute, and two: a server that starts again needs as long to load its model.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def retried_on_the_network(stage: Callable[..., Any]) -> Callable[..., Any]:
    """The function of an asset that asks a server: tried again where that failed, unless a command runs it."""

    @wraps(stage)
    def asked(context: dg.AssetExecutionContext, **given: Any) -> Any:
        try:
            return stage(context, **given)
        except (EndpointError, RemoteError, TooManyFailedError) as error:
            of_a_command = context.run.remote_job_origin is None
            if isinstance(error, RemoteError):
                for_good = isinstance(error, OvertakenError)
            else:
                for_good = runs_in_this_process(given["deployment"].settings.generator)
            if of_a_command or for_good:
                raise
            wait = NETWORK_RETRIES.calculate_delay(context.retry_number + 1)
            raise dg.RetryRequested(NETWORK_RETRIES.max_retries, wait) from error

    return asked
