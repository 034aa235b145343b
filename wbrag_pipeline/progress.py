"""A progress bar where a person is watching, silence where nobody is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(label: str, total: int, unit: str = "it") -> Iterator[Callable[[int], object]]:
    """Yield ``advance(count)``. The bar appears on stderr after two seconds, and only on a terminal."""
    from tqdm import tqdm

    with tqdm(
        total=total, desc=label, unit=unit, delay=2.0, disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True
    ) as bar:
        yield bar.update
