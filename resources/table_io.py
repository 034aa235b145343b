"""Stage tables as Parquet files, their schema checked on the way in and on the way out."""

import dagster as dg
import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.settings import Settings


class TableIOManager(dg.IOManager):
    """One Parquet file an asset and partition, at ``Settings.table``; a run replaces the file whole.

    An asset whose input is annotated ``pl.LazyFrame`` gets a scan, so that a large corpus is never read whole.
    """

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Check the table and put it in its place by one rename."""
        asset = context.asset_key.path[-1]
        path = tables.BY_NAME[asset].store(obj, _settings(context), context.partition_key)
        context.add_output_metadata({"path": dg.MetadataValue.path(path), "dagster/row_count": obj.height})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """The upstream table of the one partition that this one maps to. Raises NotBuiltError where there is none."""
        asset = context.asset_key.path[-1]
        (partition,) = context.asset_partition_keys
        if context.dagster_type.typing_type is pl.LazyFrame:
            return tables.BY_NAME[asset].load_lazily(_settings(context), partition)
        return tables.BY_NAME[asset].load(_settings(context), partition)


def _settings(context: dg.InputContext | dg.OutputContext) -> Settings:
    # Asked of the run's resources, not held as a nested resource: a nested one would be a second copy, deaf to
    # what the run's configuration changes.
    settings: Settings = context.resources.deployment.settings
    return settings


@dg.io_manager(required_resource_keys={"deployment"})
def table_io_manager() -> TableIOManager:
    """See TableIOManager."""
    return TableIOManager()
