"""Dagster resources: the deployment's settings, and the storage of its tables. No method logic lives here."""
