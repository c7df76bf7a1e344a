"""The random control: captions of other images that the annotations contradict or do not confirm."""

from collections import Counter

import pytest
import small_world

from nearmiss.engine.text.verdict import Verdict
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Rejected
from nearmiss.stages.negatives.random.method import METHOD, generate
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.spec import RandomConfig


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return read_corpus(**small_world.write(tmp_path_factory.mktemp("world"), 60))


def test_every_caption_has_the_configured_number(corpus):
    taken = check_candidates(corpus, METHOD, RandomConfig(per_caption=3), "random")
    per_caption = [row["caption_id"] for row in taken.negatives]
    assert len(per_caption) == 3 * len(corpus.captions)
    assert {row["verdict"] for row in taken.negatives} == {"verified"}


def test_negatives_are_captions_of_other_images(corpus):
    own = {(caption.image_id, caption.text) for caption in corpus.captions}
    texts = {caption.text for caption in corpus.captions}
    made = [outcome for outcome in generate(corpus, RandomConfig()) if isinstance(outcome, Candidate)]
    assert all(each.negative in texts and (each.image_id, each.negative) not in own for each in made)


def test_captions_with_counts_are_not_drawn(corpus):
    texts = [each.negative for each in generate(corpus, RandomConfig()) if isinstance(each, Candidate)]
    assert not [text for text in texts if "one" in text.split() or "two" in text.split()]


def test_undecided_captions_are_refused(corpus, monkeypatch):
    """A planted fault: annotations that contradict nothing, so that nothing is made."""
    monkeypatch.setattr(Corpus, "verdict", lambda self, image_id, negative: Verdict("plausible", "left open"))
    outcomes = list(generate(corpus, RandomConfig()))
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
    assert {"not contradicted by the annotations", "no caption drawn is contradicted"} <= {o.reason for o in outcomes}


def test_captions_without_annotations_have_random_negatives(corpus):
    """Without annotations a caption of another image is plausible, whatever words it shares with the image's own."""
    bare = Corpus(corpus.captions, corpus.images.clear(), corpus.objects.clear(), corpus.relations.clear(), 0)
    taken = check_candidates(bare, METHOD, RandomConfig(per_caption=3), "random")
    of_caption = Counter(row["caption_id"] for row in taken.negatives)
    assert of_caption.keys() == {caption.caption_id for caption in corpus.captions}
    assert set(of_caption.values()) == {3}
    assert {row["verdict"] for row in taken.negatives} == {"plausible"}
    own = {(caption.image_id, caption.text) for caption in corpus.captions}
    assert all((row["image_id"], row["negative"]) not in own for row in taken.negatives)
