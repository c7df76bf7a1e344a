"""The random control: captions of other images that the annotations contradict, and nothing else."""

import pytest
import small_world

from nearmiss.stages.negatives.candidates import Candidate, Corpus, Rejected
from nearmiss.stages.negatives.random_captions import METHOD, generate
from nearmiss.stages.negatives.spec import RandomConfig
from nearmiss.stages.negatives.stage import read_corpus, take


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return read_corpus(**small_world.write(tmp_path_factory.mktemp("world"), 60))


def test_every_caption_has_as_many_as_asked(corpus):
    taken = take(corpus, METHOD, RandomConfig(per_caption=3), "random")
    per_caption = [row["caption_id"] for row in taken.negatives]
    assert len(per_caption) == 3 * len(corpus.captions)
    assert {row["verdict"] for row in taken.negatives} == {"verified"}


def test_they_are_captions_of_other_images(corpus):
    own = {(caption.image_id, caption.text) for caption in corpus.captions}
    said = {caption.text for caption in corpus.captions}
    made = [outcome for outcome in generate(corpus, RandomConfig()) if isinstance(outcome, Candidate)]
    assert all(each.negative in said and (each.image_id, each.negative) not in own for each in made)


def test_numbers_are_true_of_many_images_and_serve_none(corpus):
    said = [each.negative for each in generate(corpus, RandomConfig()) if isinstance(each, Candidate)]
    assert not [text for text in said if "one" in text.split() or "two" in text.split()]


def test_what_annotations_leave_open_is_refused(corpus):
    """A planted fault: without annotations nothing is contradicted, so nothing is made."""
    bare = Corpus(corpus.captions, corpus.images, corpus.objects.clear(), corpus.relations, 0)
    outcomes = list(generate(bare, RandomConfig()))
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
    assert {"not contradicted by the annotations", "no caption drawn is contradicted"} <= {o.reason for o in outcomes}
