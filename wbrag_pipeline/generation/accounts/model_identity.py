"""Which model it is: what a completion's key must know of the files and arguments that a model runs with."""

from __future__ import annotations

from pathlib import Path

from wbrag_pipeline.storage import sha256_of_text

# Engine arguments that change what comes out; the others say how fast and where.
DECIDING = ("dtype", "quantization", "kv_cache_dtype", "hf_overrides", "load_format", "seed", "chat_template_kwargs")
# A weight file's content stands for itself by blocks of so many bytes from three places: reading all of it would
# cost minutes a start.
_BLOCK = 1 << 20


def hash_of_folder(folder: Path) -> str:
    """A hash of a model folder: small files whole, large ones by size and blocks at three places."""
    parts = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        size = path.stat().st_size
        with path.open("rb") as stream:
            places = (0,) if size <= 4 * _BLOCK else (0, size // 2, size - _BLOCK)
            blocks = []
            for place in places:
                stream.seek(place)
                blocks.append(stream.read(size if len(places) == 1 else _BLOCK).hex())
        parts += [path.name, str(size), *blocks]
    return sha256_of_text(*parts)
