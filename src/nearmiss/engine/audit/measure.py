"""Every probe on every type and on all pairs together, with intervals: the rows of the report."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.seeding import derive
from nearmiss.engine.audit.folds import SCHEMES
from nearmiss.engine.audit.pairs import Array, Pairs
from nearmiss.engine.audit.probe import Corpus, Probe
from nearmiss.engine.scoring.statistics import clusters, interval

ALL = "all"
RESAMPLES = 2000
LEVEL = 0.95
_MOST_CLUSTERS = 2000  # more images than this are resampled in as many parcels of images: memory stays flat
_COLUMNS = {
    "set": pl.String,
    "type": pl.String,
    "probe": pl.String,
    "scheme": pl.String,
    "n": pl.Int64,
    "images": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
SCHEMA = pl.Schema(list(_COLUMNS.items()))


def measured(pairs: Pairs, probes: Sequence[Probe], corpus: Corpus, *, name: str, seed: int) -> pl.DataFrame:
    """A row for each type (and "all") x probe x scheme of the set called `name`.

    Accuracy and its 95 % interval are shares of pairs, 0 to 1, chance .5. "all" is the whole set as if it had no types:
    probes are trained and evaluated by it, so it is no mean of the rows above. The interval resamples images.
    """
    parts = dict(pairs.kinds)
    parts[ALL] = np.arange(len(pairs))
    rows = []
    for kind, indices in progress(list(parts.items()), what="types audited"):
        part = pairs.take(indices)
        cluster = _clusters(part, seed)
        folds = {scheme: make(part, seed) for scheme, make in SCHEMES.items()}
        for probe in probes:
            for scheme in probe.schemes:
                right = probe.outcomes(part, folds[scheme], corpus)
                low, high = interval(
                    right,
                    np.ones(len(right)),
                    cluster,
                    resamples=RESAMPLES,
                    level=LEVEL,
                    names=("audit", seed, kind),
                )
                images = len(set(part.image))
                rows.append((name, kind, probe.name, scheme, len(part), images, float(right.mean()), low, high))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _clusters(pairs: Pairs, seed: int) -> Array:
    """The cluster of each pair: (n,) int."""
    cluster = clusters([[image] for image in pairs.image])
    if cluster.max(initial=0) < _MOST_CLUSTERS:
        return cluster
    parcel = {image: derive(seed, "audit parcel", image) % _MOST_CLUSTERS for image in set(pairs.image)}
    return np.asarray([parcel[image] for image in pairs.image])
