"""The tables of several sources as one."""

from collections.abc import Sequence

import polars as pl

from nearmiss.base.table_parts import distinct, whole
from nearmiss.engine.formats.photographs import Aside
from nearmiss.stages.data.sources.tables import SourceTables

_IDS = ("image_id", "caption_id", "object_id", "subject_id")


def combined(parts: Sequence[SourceTables], prefixes: Sequence[str], roots: Sequence[str]) -> SourceTables:
    """Tables with prefixed ids, and files relative to the common root.

    `prefixes` and `roots` have one entry for each of `parts`; a root is relative to the common root.
    """
    found = SourceTables(
        images=_concatenated([_with_closed_names(part) for part in parts], prefixes).with_columns(
            file=pl.concat([_below(part.images["file"], root) for part, root in zip(parts, roots, strict=True)])
        ),
        captions=_concatenated([whole(part.captions) for part in parts], prefixes),
        objects=_concatenated([whole(part.objects) for part in parts], prefixes),
        relations=_concatenated([whole(part.relations) for part in parts], prefixes),
        origins=_concatenated([part.origins for part in parts], prefixes),
        named=next((part.named for part in parts if part.captions.height), parts[0].named),
    )
    for part, prefix, root in zip(parts, prefixes, roots, strict=True):
        found.set_aside += [
            Aside(_prefixed(each.image_id, prefix), _prefixed(each.object_id, prefix), each.reason)
            for each in part.set_aside
        ]
        below = "" if root == "." else f"{root}/"
        found.image_hashes |= {f"{below}{name}": digest for name, digest in part.image_hashes.items()}
        found.perceptual_hashes |= {f"{below}{name}": value for name, value in part.perceptual_hashes.items()}
        found.inputs |= {f"{prefix}{name}": digest for name, digest in part.inputs.items()}
        found.other_numbers |= {f"{prefix}{image}": number for image, number in part.other_numbers.items()}
        for name, count in part.counts.items():
            found.counts[name] = found.counts.get(name, 0) + count
    return found


def _with_closed_names(part: SourceTables) -> pl.DataFrame:
    """The images of a source; of exhaustive ones, column `closed` has the names that the source annotates.

    Without it, a name that only another source annotates would count as absent.
    """
    names = distinct(part.objects, "name").to_list()
    images = part.images.with_columns(
        pl.lit(None, dtype=pl.Boolean if name == "exhaustive" else pl.List(pl.String)).alias(name)
        for name in ("closed", "exhaustive")
        if name not in part.images.columns
    )
    own = pl.lit(names, dtype=pl.List(pl.String))
    exhaustive = pl.col("exhaustive").fill_null(True)
    return images.with_columns(closed=pl.when(exhaustive).then(pl.col("closed").fill_null(own)).otherwise("closed"))


def _concatenated(frames: Sequence[pl.DataFrame], prefixes: Sequence[str]) -> pl.DataFrame:
    """The rows of all frames with prefixed ids; a column that only some have is null in the others."""
    return pl.concat(
        [
            frame.with_columns(
                pl.concat_str(pl.lit(prefix), name).alias(name) for name in _IDS if name in frame.columns
            )
            for frame, prefix in zip(frames, prefixes, strict=True)
        ],
        how="diagonal_relaxed",
    )


def _below(files: pl.Series, root: str) -> pl.Series:
    return files if root == "." else root + "/" + files


def _prefixed(identity: str | None, prefix: str) -> str | None:
    return None if identity is None else f"{prefix}{identity}"
