"""Dagster resources: configuration and lifetime of the engines. No method logic lives here."""
