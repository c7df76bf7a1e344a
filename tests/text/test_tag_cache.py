"""A trained pipeline tags a text once; tags from the folder are those that the pipeline gives."""

import pytest

from nearmiss.engine.text import pipelines, tagging
from nearmiss.engine.text.tagging import tag

TEXTS = ["a dog runs", "two small cats", "a dog runs", "a caf\u00e9 - no 5", "A dog  runs"]


@pytest.fixture
def pipeline(tmp_path):
    """The built-in tagger as a pipeline with files; the caches of this process are emptied."""
    folder = tmp_path / "pipeline"
    pipelines.lexicon_pipeline().to_disk(folder)
    another_process()
    yield str(folder)
    another_process()


def another_process() -> None:
    pipelines.tag_cache.cache_clear()
    pipelines.trained_pipeline.cache_clear()


def no_tagger(documents, pipeline):
    assert not documents
    return iter(())


def test_texts_are_tagged_once_per_shared_folder(pipeline, tmp_path, monkeypatch):
    plain, cache = list(tag(TEXTS, pipeline)), tmp_path / "tags"
    assert list(tag(TEXTS[:2], pipeline, cache)) == plain[:2]
    assert list(tag(TEXTS, pipeline, cache)) == plain  # some are kept, some are new
    another_process()
    monkeypatch.setattr(tagging, "_tags", no_tagger)
    assert list(tag(TEXTS, pipeline, cache)) == plain


def test_another_pipeline_and_a_damaged_file_are_tagged_again(pipeline, tmp_path, monkeypatch, capsys):
    plain, cache = list(tag(TEXTS, pipeline)), tmp_path / "tags"
    assert list(tag(TEXTS, pipeline, cache)) == plain
    (shard,) = cache.iterdir()
    shard.write_bytes(shard.read_bytes()[:-1])
    another_process()
    assert list(tag(TEXTS, pipeline, cache)) == plain
    assert "damaged" in capsys.readouterr().err
    (tmp_path / "pipeline" / "weights").write_text("other")
    another_process()
    monkeypatch.setattr(tagging, "_tags", no_tagger)
    with pytest.raises(AssertionError):
        list(tag(TEXTS, pipeline, cache))
