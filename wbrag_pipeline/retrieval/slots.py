"""Which rows of a shared collection are those of a state: a file mapped into memory, beside the ids.

A row has a number in its collection that never changes, its slot. One record batch in Arrow's file format::

    slot       row i that of vector i
    by_slot    positions in the order of their slots, for finding one by halving
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.protocols import Positions

SLOTS_FILE = "slots.arrow"
_SCHEMA = pa.schema([pa.field("slot", pa.int64(), nullable=False), pa.field("by_slot", pa.int64(), nullable=False)])
_FACTS = b"wbrag"


@dataclass(frozen=True)
class Slots:
    """The slot of each vector of a state, and what the next state must know of the collection.

    of: [vectors], the slot of each. by_slot: [vectors], positions in the order of their slots.
    label_numbers: the collection's number for each of the state's label sets.
    begun_with: how many vectors the collection was made with; their slots are the lowest.
    free: the lowest slot that no row ever had.
    arithmetic: of the encoder, see ``protocols.Encoder``: vectors of another are not the same to the last bit.
    """

    of: Positions
    by_slot: Positions
    label_numbers: tuple[int, ...]
    begun_with: int
    free: int
    arithmetic: str

    def positions_of(self, slots: Positions) -> Positions:
        """Positions of the vectors in these slots, in any shape; -1 stays -1.

        Raises IntegrityError for a slot that is none of this state's.
        """
        if not len(self.of):
            ranks = np.zeros(slots.shape, dtype=np.int64)
            found = np.full(slots.shape, -1, dtype=np.int64)
        else:
            ranks = np.minimum(np.searchsorted(self.of, slots, sorter=self.by_slot), len(self.of) - 1)
            found = np.where(self.of[self.by_slot[ranks]] == slots, self.by_slot[ranks], -1)
        if (strange := (found < 0) & (slots >= 0)).any():
            raise IntegrityError("vector store", f"names row {slots[strange][0]}, which this state does not have")
        return found

    def write(self, file: Path) -> None:
        """Write all into a file for ``open_slots``."""
        facts = [list(self.label_numbers), self.begun_with, self.free, self.arithmetic]
        schema = _SCHEMA.with_metadata({_FACTS: json.dumps(facts).encode()})
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(pa.record_batch([pa.array(self.of), pa.array(self.by_slot)], schema=schema))


def open_slots(file: Path) -> Slots:
    """The slots of a file that ``Slots.write`` wrote. It is believed: who opens it has compared its hash.

    Raises IntegrityError when it is another kind of file.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        if reader.schema != _SCHEMA or reader.num_record_batches != 1:
            raise IntegrityError(file, f"has {reader.num_record_batches} batches of {reader.schema.names}, not slots")
        numbers, begun_with, free, arithmetic = json.loads((reader.schema.metadata or {})[_FACTS])
        of, by_slot = reader.get_batch(0).columns
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(file, f"cannot be read ({str(error).splitlines()[0]})") from error
    return Slots(of.to_numpy(), by_slot.to_numpy(), tuple(numbers), begun_with, free, arithmetic)
