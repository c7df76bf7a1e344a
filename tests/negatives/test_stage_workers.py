"""The same bytes for any number of workers and shards, and for any order of the records."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import published_files
import pytest

from nearmiss.base.files import read_json
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Method
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.keyword import method as keyword
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE, shards
from nearmiss.stages.negatives.stage import run

CONFIGS = NegativesConfig().methods
SCENES = 30


def shuffled(content: Any) -> Any:
    """The same records in another order, lists of records and keys of objects alike."""
    random = Random(5)
    caption_file, graphs = content
    caption_file = {key: random.sample(records, len(records)) for key, records in reversed(caption_file.items())}
    return caption_file, {key: graphs[key] for key in random.sample(sorted(graphs), len(graphs))}


def made(folder: Path, content: Any, method: str, *, workers: int = 1, size: int = SIZE) -> dict[str, bytes]:
    """Everything that is written and must not differ."""
    caption_file, graphs = content
    run(
        name=method,
        config=CONFIGS[method],
        captions=published_files.write(folder / "in" / "captions.json", caption_file),
        graphs=published_files.write(folder / "in" / "graphs.json", graphs),
        out=folder / "out",
        workers=workers,
        size=size,
    )
    names = ["negatives.parquet", "rejected.parquet", "summary.json"]
    return {name: (folder / "out" / name).read_bytes() for name in names}


@pytest.mark.usefixtures("worker_server")
@pytest.mark.parametrize("method", ["replace", "keyword", "scene_graph"])
def test_bytes_do_not_depend_on_workers_shards_and_order(tmp_path, method):
    content = published_files.of_the_world(SCENES)
    first = made(tmp_path / "1", content, method)
    assert read_json(tmp_path / "1" / "out" / "summary.json")["negatives"] > SCENES
    assert made(tmp_path / "shards", shuffled(content), method, size=7) == first
    assert made(tmp_path / "2", content, method, workers=2, size=40) == first
    assert made(tmp_path / "4", shuffled(content), method, workers=4, size=25) == first


def test_a_method_that_depends_on_its_shard_is_detected(tmp_path, monkeypatch):
    """The planted fault: words counted on the shard, not on the corpus."""

    def blind(corpus: Corpus, options: Any) -> Iterator[Any]:
        return keyword.generate(replace(corpus, learned=None), options)

    content = published_files.of_the_world(SCENES)
    first = made(tmp_path / "right", content, "keyword", size=7)
    monkeypatch.setitem(METHODS, "keyword", Method("keyword", blind, learn=keyword.learn))
    assert made(tmp_path / "wrong", content, "keyword", size=7) != first


def test_shards_split_no_image_and_are_complete(tmp_path):
    import small_world

    corpus = read_corpus(**small_world.write(tmp_path, 20))
    parts = list(shards(corpus, 13))
    assert len(parts) > 5
    assert [caption for part in parts for caption in part.captions] == list(corpus.captions)
    assert sum(part.objects.height for part in parts) == corpus.objects.height
    assert sum(part.relations.height for part in parts) == corpus.relations.height
    owners = [set(part.images["image_id"]) for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 20
    for part, owner in zip(parts, owners, strict=True):
        assert {caption.image_id for caption in part.captions} <= owner
        assert part.vocabulary == corpus.vocabulary


def test_an_error_in_a_worker_leaves_no_output(tmp_path):
    caption_file, graphs = published_files.of_the_world(8)
    broken = Method("keyword", explode, learn=keyword.learn)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="planted"):
        patch.setitem(METHODS, "keyword", broken)
        made(tmp_path / "out", (caption_file, graphs), "keyword")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["in"]


def explode(corpus: Corpus, options: Any) -> Iterator[Candidate]:
    yield from list(keyword.generate(corpus, options))[:3]  # type: ignore[misc]
    raise RuntimeError("planted")
