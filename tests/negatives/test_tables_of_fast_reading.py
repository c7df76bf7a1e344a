"""Tables made by fast reading equal those made by parsing every negative, with the same rules."""

from dataclasses import replace
from pathlib import Path

import pytest
import small_world

from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply, diff
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.labels import label
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.word_exchange import Place
from nearmiss.stages.negatives import acceptance
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.keyword.method import METHOD as KEYWORD
from nearmiss.stages.negatives.reading import read_annotation_files, read_corpus
from nearmiss.stages.negatives.replace.method import METHOD as REPLACE
from nearmiss.stages.negatives.scene_graph.method import METHOD as SCENE_GRAPH
from nearmiss.stages.negatives.spec import KeywordConfig, ReplaceConfig, SceneGraphConfig

REAL = Path(__file__).parents[3] / "shared" / "realdata"
COCO = REAL / "coco_captions_val2017" / "captions_val2017.json"
GQA = REAL / "gqa_scene_graph_sample" / "train-sgs-sample.json"
OPTIONS = {
    "keyword": (KEYWORD, KeywordConfig(per_caption=8)),
    "two keywords": (KEYWORD, KeywordConfig(edits_at_once=2)),
    "replace": (REPLACE, ReplaceConfig()),
    "scene_graph": (SCENE_GRAPH, SceneGraphConfig()),
}


class Whole(EditedText):
    """An edited text that is read as any other text."""

    edits = property(lambda self: tuple(diff(self.source.string, self.string)))
    phrases = property(lambda self: Text(self.string, self.names).phrases)
    named = property(lambda self: Text(self.string, self.names).named)
    normalized = property(lambda self: Text(self.string, self.names).normalized)
    statement = property(lambda self: Text(self.string, self.names).statement)


def read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow reference: no phrase is taken from the positive, and no rule looks at the edit only."""

    def exchanged(place: Place, new: str) -> EditedText:
        edit = Edit(place.start, place.end, place.old, new)
        return Whole.of(place.source, apply(place.source.string, [edit]))

    monkeypatch.setattr(Place, "exchanged", exchanged)
    monkeypatch.setattr(
        Corpus, "edited", lambda self, image, one, other: Whole.of(Text(one, self.own(image).names), other)
    )
    monkeypatch.setattr(OwnCaptions, "_lack", lambda self, text: False)
    monkeypatch.setattr(acceptance, "broken_by", lambda text: broken(text.source.string, text.string))
    monkeypatch.setattr(acceptance, "_label", lambda text, names: label(text.source.string, text.string, names))


def assert_same_tables(corpus: Corpus, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method, options = OPTIONS[name]
    fast = acceptance.check_candidates(replace(corpus), method, options, "x").frames()
    with monkeypatch.context() as patched:
        read_as_a_whole(patched)
        slow = acceptance.check_candidates(replace(corpus), method, options, "x").frames()
    assert fast["negatives"].height > 10
    for table, frame in fast.items():
        assert frame.equals(slow[table]), table


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("completeness", [1.0, 0.5])
def test_tables_of_fast_and_full_readings_agree_on_the_world(tmp_path, monkeypatch, name, completeness):
    given = small_world.write(tmp_path, 12, completeness=completeness, kind="broad")
    assert_same_tables(read_corpus(**given), name, monkeypatch)


def test_a_wrong_fast_reading_changes_the_tables(tmp_path, monkeypatch):
    given = small_world.write(tmp_path, 6, kind="broad")
    monkeypatch.setattr(EditedText, "phrases", property(lambda self: self.source.phrases))
    with pytest.raises(AssertionError):
        assert_same_tables(read_corpus(**given), "keyword", monkeypatch)


@pytest.mark.realdata
@pytest.mark.skipif(not COCO.is_file(), reason="no real data beside the checkout")
@pytest.mark.parametrize("name", ["keyword", "two keywords"])
def test_tables_of_fast_and_full_readings_agree_on_coco_captions(monkeypatch, name):
    corpus = read_annotation_files(captions=COCO, instances=None, graphs=None, method="x", seed=0).corpus
    assert_same_tables(replace(corpus, captions=corpus.captions[5000:5400]), name, monkeypatch)


@pytest.mark.realdata
@pytest.mark.skipif(not GQA.is_file(), reason="no real data beside the checkout")
def test_tables_of_fast_and_full_readings_agree_on_scene_graphs(monkeypatch):
    corpus = read_annotation_files(captions=None, instances=None, graphs=GQA, method="x", seed=0).corpus
    assert_same_tables(corpus, "scene_graph", monkeypatch)
