"""Dagster assets: one file a stage. Each reads its inputs, calls one function of the package and reports."""
