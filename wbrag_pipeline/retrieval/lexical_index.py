"""Which words stand in which passages, and how often: what a search by words (``bm25``) needs of a corpus.

::

    words.parquet    column word: every word that some passage has, sorted, each once
    starts.npy       [words + 1] where the rows of a word begin in the next two files
    places.npy       the passages that have it, by their place in the table, in order
    counts.npy       how often each of them has it, up to 65,535
    lengths.npy      [passages] the words of each passage
    manifest.json    what it was made from, and the sha256 of the files; written last

The four arrays are mapped into memory and not read into it: a search touches the rows of the question's words alone.
No score is stored, because who may not see every passage has other statistics (``bm25``).

A word is what ``wording.search_words`` makes of title and text, in any language: no words are left out as frequent,
and none are reduced to a stem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.datasets.wording import search_words
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.storage import replacing, sha256_of_file, stored_json, write_json
from wbrag_pipeline.verified_files import known_sha256

# Also to be raised when ``search_words`` makes other words of a text.
_FORMAT = 1
WORDS_FILE = "words.parquet"
# dtype and file of each array.
_ARRAYS = {"starts": np.int64, "places": np.int32, "counts": np.uint16, "lengths": np.int32}
_MOST_COUNTED = int(np.iinfo(np.uint16).max)
_ROWS_AT_ONCE = 20_000

Numbers: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class LexicalIndex:
    """The words of some passages, as the arrays at the top of this file."""

    words: pl.Series
    starts: Numbers
    places: Numbers
    counts: Numbers
    lengths: Numbers

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def nbytes(self) -> int:
        """Bytes of words and arrays."""
        return int(self.words.estimated_size() + sum(getattr(self, name).nbytes for name in _ARRAYS))

    def rows_of(self, words: Sequence[str]) -> list[int | None]:
        """The row of each word, None for one that no passage has."""
        if not words or not len(self.words):
            return [None] * len(words)
        wanted = pl.Series(words, dtype=pl.String)
        rows = self.words.search_sorted(wanted).clip(upper_bound=len(self.words) - 1)
        there = self.words.gather(rows) == wanted
        return [row if found else None for row, found in zip(rows, there, strict=True)]

    def holding(self, row: int | None) -> tuple[Numbers, Numbers]:
        """The places of the passages that have the word, in order, and how often each has it."""
        if row is None:
            return self.places[:0], self.counts[:0]
        rows = slice(int(self.starts[row]), int(self.starts[row + 1]))
        return self.places[rows], self.counts[rows]

    def equals(self, other: LexicalIndex) -> bool:
        """Whether both say the same."""
        return self.words.equals(other.words) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _ARRAYS
        )


def lexical_index_of(passages: pl.DataFrame | pl.LazyFrame) -> LexicalIndex:
    """The index of passages with columns title and text, in their order.

    They are read in parts. What is counted takes 10 bytes for each word of each passage meanwhile, the index 6.
    """
    parts = [_counted(part) for part in _parts(passages.lazy().select("title", "text"))]
    words = pl.concat([pl.Series("word", dtype=pl.String), *(part.words for part in parts)]).unique().sort()
    # Each part has numbered its own words; here they get the number that they have in all.
    own_numbers = [words.search_sorted(part.words).to_numpy() for part in parts]
    held = np.zeros(len(words), dtype=np.int64)
    for part, own in zip(parts, own_numbers, strict=True):
        held[own] += np.bincount(part.numbers, minlength=len(own))
    starts = np.concatenate([[0], np.cumsum(held)]).astype(np.int64)
    places, counts = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1], dtype=np.uint16)
    free = starts[:-1].copy()  # where the next row of each word goes
    lengths = [part.lengths for part in parts]
    first = 0
    for own, length in zip(own_numbers, lengths, strict=True):
        part = parts.pop(0)
        group = np.concatenate([[0], np.cumsum(np.bincount(part.numbers, minlength=len(own)))])
        rows = free[own][part.numbers] + np.arange(len(part.numbers)) - group[part.numbers]
        places[rows], counts[rows] = part.places + first, part.counts
        free[own] += np.diff(group)
        first += len(length)
    return LexicalIndex(words, starts, places, counts, np.concatenate([np.zeros(0, dtype=np.int32), *lengths]))


def write_lexical_index(passages: Path, folder: Path) -> LexicalIndex:
    """Write the index of PASSAGES, a Parquet file, into ``folder``; the same passages give the same bytes."""
    index = lexical_index_of(pl.scan_parquet(passages))
    with replacing(folder / WORDS_FILE) as file:
        index.words.to_frame().write_parquet(file)
    for name in _ARRAYS:
        with replacing(folder / f"{name}.npy") as file:
            np.save(file, getattr(index, name), allow_pickle=False)
    files = {name: sha256_of_file(folder / name) for name in _file_names()}
    made_from = {"passages": len(index), "passages_sha256": sha256_of_file(passages)}
    write_json(folder / "manifest.json", {"format": _FORMAT, "words": len(index.words), **made_from, "files": files})
    return index


def open_lexical_index(folder: Path, passages: Path) -> LexicalIndex:
    """Open the index that was written for the Parquet file ``passages``.

    Raises NotBuiltError where there is none, IntegrityError where it was made from another table or by another
    version, or a file is not the one that was written.
    """
    manifest = folder / "manifest.json"
    try:
        found = stored_json(manifest)
        vouched = {name: str(found["files"][name]) for name in _file_names()}
        made_from, version = str(found["passages_sha256"]), found["format"]
    except FileNotFoundError:
        raise NotBuiltError(f"the index of words {folder}", "wbrag run BENCHMARK --refresh") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(manifest, "is damaged") from error
    if version != _FORMAT:
        raise IntegrityError(manifest, f"is of format {version}; this version reads format {_FORMAT}")
    if known_sha256(passages) != made_from:
        raise IntegrityError(folder, "was not made from the passages beside it")
    for name, sha256 in vouched.items():
        if not (folder / name).is_file():
            raise IntegrityError(folder / name, "is missing, though its manifest is there")
        if known_sha256(folder / name) != sha256:
            raise IntegrityError(folder / name, "does not have the sha256 that its manifest gives")
    arrays = {name: _mapped(folder / f"{name}.npy") for name in _ARRAYS}
    return LexicalIndex(pl.read_parquet(folder / WORDS_FILE)["word"], **arrays)


@dataclass(frozen=True)
class _Counted:
    """A part of the passages: its words, and by word and place: the word's number in them, the place, how often."""

    words: pl.Series
    numbers: Numbers
    places: Numbers
    counts: Numbers
    lengths: Numbers


def _counted(part: pl.DataFrame) -> _Counted:
    told = split_words(part.select(pl.concat_str("title", "text", separator="\n")).to_series())
    rows = pl.DataFrame({"place": pl.int_range(len(told), dtype=pl.Int32, eager=True), "word": told})
    counted = rows.explode("word").drop_nulls("word").group_by("word", "place").len()
    words = counted["word"].unique().sort()
    numbers, places = words.search_sorted(counted["word"]).to_numpy().astype(np.int32), counted["place"].to_numpy()
    order = np.lexsort((places, numbers))
    often = counted["len"].clip(upper_bound=_MOST_COUNTED).to_numpy().astype(np.uint16)
    lengths = told.list.len().to_numpy().astype(np.int32)
    return _Counted(words, numbers[order], places[order], often[order], lengths)


def split_words(texts: pl.Series) -> pl.Series:
    """The words of each text (List(String)), in order."""
    return search_words(texts).str.split(" ").list.filter(pl.element() != "").alias("word")


def _parts(passages: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    start = 0
    while (part := passages.slice(start, _ROWS_AT_ONCE).collect()).height:
        yield part
        start += part.height


def _mapped(file: Path) -> Numbers:
    found: Numbers = np.load(file, mmap_mode="r", allow_pickle=False)
    return found


def _file_names() -> list[str]:
    return [WORDS_FILE, *(f"{name}.npy" for name in _ARRAYS)]
