"""The first line of a CSV file: what stands between its cells, and which columns it names."""

from __future__ import annotations

import csv
import re

# Excel writes the list separator of the country, in German a semicolon; tables of DPR and BEIR have tabs.
_SEPARATORS = (",", ";", "\t")
_STATED = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)


def stated_separator(line: str) -> str | None:
    """The separator that a line ``sep=;`` states, which Excel reads and writes; None for any other line."""
    found = _STATED.match(line)
    return found[1] if found else None


def separator_of(header: str) -> str:
    """The separator by which a header has the most columns; a comma where none is better."""
    return max(_SEPARATORS, key=lambda mark: _cells(header, mark))


def without_empty_columns(header: list[str]) -> list[str]:
    """The header less the columns without a name at its end, as Excel leaves them."""
    while header and not header[-1]:
        header = header[:-1]
    return header


def _cells(header: str, separator: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=separator), []))
    except csv.Error:  # such as a quote that the next line closes
        return header.count(separator) + 1
