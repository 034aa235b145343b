"""``--columns id=…,text=…,vector=…,metadata=…``: what the columns of the user's own table are called."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wbrag_pipeline.errors import InputError


@dataclass(frozen=True)
class TargetColumns:
    """Names of columns, payload keys or a named vector; "" is found by looking at the target."""

    id: str = ""
    title: str = ""
    text: str = ""
    vector: str = ""
    metadata: str = ""

    @classmethod
    def parse(cls, given: str) -> TargetColumns:
        """Raises InputError for a part that is no ``name=column``, or names nothing that is written."""
        found: dict[str, str] = {}
        for part in (part.strip() for part in given.split(",") if part.strip()):
            name, equals, column = (piece.strip() for piece in part.partition("="))
            if not equals or not column or name not in cls.__dataclass_fields__:
                raise InputError(
                    f"{part!r} names no column",
                    field="--columns",
                    hint=f"NAME=COLUMN, where NAME is one of {', '.join(cls.__dataclass_fields__)}",
                )
            if name in found:
                raise InputError(f"{name!r} is given twice", field="--columns")
            found[name] = column
        return cls(**found)

    def __str__(self) -> str:
        return ",".join(f"{name}={column}" for name, column in asdict(self).items() if column)
