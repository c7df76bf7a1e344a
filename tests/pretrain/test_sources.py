"""Captions of several sources: how often each is drawn follows the weights, and nothing else changes."""

import numpy as np
import polars as pl
import pytest
import toy_training as toy
from test_batches import batches, corpus

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.training.batches import held_out

EPOCHS = 200


@pytest.fixture
def two_sources(tmp_path):
    """The toy's files, in which each image's first caption is of another source than the rest."""
    toy.write(tmp_path)
    file = tmp_path / "tables" / "captions.parquet"
    frame = read_table(file, "captions").sort("image_id", "caption_id")
    first = pl.col("caption_id") == pl.col("caption_id").first().over("image_id")
    frame = frame.with_columns(source=pl.when(first).then(pl.lit("annotators")).otherwise(pl.lit("machine")))
    write_table(frame, file, "captions")
    return tmp_path


def share_of_first(read):
    """How often the first caption of an image is drawn."""
    drawn = [batches(read)._drawn_epoch(epoch)[1] for epoch in range(EPOCHS)]
    assert all((chosen >= read.first[:-1]).all() and (chosen < read.first[1:]).all() for chosen in drawn)
    return np.mean([chosen == read.first[:-1] for chosen in drawn])


def test_captions_are_sampled_by_the_weights_of_their_sources(two_sources):
    assert share_of_first(corpus(two_sources)) == pytest.approx(1 / toy.CAPTIONS, abs=0.02)
    weighted = corpus(two_sources, sources={"annotators": 6.0})
    assert share_of_first(weighted) == pytest.approx(6 / (6 + toy.CAPTIONS - 1), abs=0.02)


def test_weights_stay_with_their_captions_when_images_are_held_out(two_sources):
    kept, _ = held_out(corpus(two_sources, sources={"annotators": 1000.0}), 0.3, seed=0)
    assert share_of_first(kept) > 0.98


def test_the_order_of_images_does_not_depend_on_weights(two_sources):
    one, other = (
        batches(corpus(two_sources, sources=sources))._drawn_epoch(3)[0] for sources in (None, {"machine": 2.0})
    )
    assert one.tolist() == other.tolist()


def test_a_source_that_no_caption_has_is_refused(two_sources):
    with pytest.raises(InputError, match="no caption is of source 'people'"):
        corpus(two_sources, sources={"people": 2.0})
