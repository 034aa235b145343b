"""One partition a corpus, one a benchmark, and the mapping between them, from the registry.

The registry is read when the code location loads: after ``wbrag add``, "Reload definitions" in the UI shows the
new partition. Both sets are static, which is what a mapping needs to work through the daemon (backfills, automation).
"""

import dagster as dg

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.settings import Settings

_registry = Registry.load(Settings.from_environment().home)

CORPORA = dg.StaticPartitionsDefinition(sorted(_registry.corpora))
BENCHMARKS = dg.StaticPartitionsDefinition(sorted(_registry.benchmarks))
CORPUS_OF_BENCHMARK = dg.StaticPartitionMapping(
    {corpus: _registry.benchmarks_of(corpus) for corpus in sorted(_registry.corpora)}
)
