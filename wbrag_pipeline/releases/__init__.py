"""Releases: immutable sets of published units with their index, and the pointer to the one that is served."""
