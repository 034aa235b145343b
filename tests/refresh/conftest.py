"""The tiny benchmark ``towns``, trained, in a home of its own."""

from __future__ import annotations

from tests.pipeline.conftest import load_definitions, place

__all__ = ["load_definitions", "place"]
