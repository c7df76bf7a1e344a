"""Matched sets: every method has equally many negatives of every caption, and training draws equally many of them."""

import sys
from pathlib import Path

import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.config import resolve
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.tokenization import Tokenization, word_tokenizer
from nearmiss.engine.training.batches import Batches
from nearmiss.engine.training.corpus import read_corpus
from nearmiss.experiment_parts import parts
from nearmiss.stages.compare.tables import negatives_per_caption
from nearmiss.stages.negatives.matched_captions import matched, run

sys.path.insert(0, str(Path(__file__).parents[1] / "pretrain"))
import toy_training as toy

CAPTIONS = pl.DataFrame({"caption_id": ["a1", "a2", "b1"], "image_id": ["a", "a", "b"]})


def rows(method, *given):
    """Rows of table negatives of (caption, image, whether the new word is in the scene)."""
    row = dict.fromkeys(["mode", "type", "concept", "operator", "positive", "negative", "verdict", "template_id"], "x")
    row |= {"edits": [], "seed": 0, "method": method}
    named = [
        {"negative_id": f"{method}-{n}", "caption_id": caption, "image_id": image, "foil_in_scene": scene}
        for n, (caption, image, scene) in enumerate(given)
    ]
    return table("negatives", [{**row, **each} for each in named])


WORDS = rows("words", *[("a1", "a", True)] * 3, *[("a1", "a", False)] * 2, ("a2", "a", False), ("b1", "b", False))
OTHERS = rows("others", *[("a1", "a", None)] * 4, *[("a2", "a", None)] * 4, *[("b1", "b", None)] * 4)
PAIRS = rows("pairs", ("p1", "a", True), ("p2", "a", False), ("p3", "a", False), ("p4", "b", True))


def counts(frame, *keys):
    return (
        dict(sorted(frame.group_by(*keys).len().rows()))
        if len(keys) == 1
        else sorted(frame.group_by(keys).len().rows())
    )


def test_every_set_has_equally_many_negatives_of_every_caption():
    drawn = matched(CAPTIONS, {"words": WORDS, "others": OTHERS}, in_scene=False, seed=0)
    assert counts(drawn["words"], "drawn_with") == counts(drawn["others"], "drawn_with") == {"a1": 4, "a2": 1, "b1": 1}
    assert drawn["words"]["caption_id"].to_list() == drawn["words"]["drawn_with"].to_list()


def test_pairs_are_assigned_to_captions_with_equal_in_scene_shares():
    drawn = matched(CAPTIONS, {"words": WORDS, "others": OTHERS, "pairs": PAIRS}, in_scene=True, seed=0)
    by_caption = [counts(frame, "drawn_with") for frame in drawn.values()]
    assert by_caption[0] == by_caption[1] == by_caption[2]
    assert sum(by_caption[0].values()) == 3 and "b1" not in by_caption[0]  # its pair has another new word
    in_scene = [frame["foil_in_scene"].sum() for frame in drawn.values()]
    assert in_scene == [1, 0, 1]
    without = matched(CAPTIONS, {"words": WORDS, "pairs": PAIRS}, in_scene=False, seed=0)
    assert counts(without["pairs"], "image_id") == counts(without["words"], "image_id") == {"a": 3, "b": 1}


def test_the_sets_depend_on_the_seed_and_not_on_the_order_of_rows():
    def drawn(seed, turn):
        given = {name: frame[::turn] for name, frame in (("words", WORDS), ("others", OTHERS))}
        found = matched(CAPTIONS[::turn], given, in_scene=False, seed=seed)
        return [sorted(frame.select("negative_id", "drawn_with").rows()) for frame in found.values()]

    assert drawn(1, 1) == drawn(1, -1)
    assert any(drawn(1, 1) != drawn(seed, 1) for seed in (2, 3, 4))


@pytest.fixture(scope="module")
def toy_sets(tmp_path_factory):
    """The toy training's two kinds of negatives, as two methods, and their matched sets."""
    folder = tmp_path_factory.mktemp("matched")
    toy.write(folder)
    for name, file in (("negatives", "negatives"), ("captions", "captions")):
        path = folder / "pairs" / f"{file}.parquet"
        column = "method" if name == "negatives" else "source"
        frame = read_table(path, name).with_columns(pl.col(column).replace("toy", "pairs"))
        write_table(frame, path, name)
    sets = [folder / "negatives", folder / "pairs"]
    run(negatives=sets, tables=folder / "tables", out=folder / "out", in_scene=False)
    return folder


def drawn_batches(folder, negatives):
    corpus = read_corpus(
        store=Store(folder / "store"),
        captions=folder / "tables" / "captions.parquet",
        negatives=folder / negatives,
        verdicts=("verified", "plausible"),
        tokenization=Tokenization(word_tokenizer(toy.WORDS, 16), 16),
    )
    made = Batches(corpus, size=8, seed=0, phase="continued", num_negatives=4)
    return [made.at(step) for step in range(9)]


def test_training_draws_equally_many_negatives_for_every_image(toy_sets):
    """Captions with fewer negatives than num_negatives get what there is."""
    first, second = (drawn_batches(toy_sets, f"out/{name}") for name in ("toy", "pairs"))
    for one, other in zip(first, second, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert one.valid.sum((1, 2)).tolist() == other.valid.sum((1, 2)).tolist()
    assert sum(int(each.valid.sum()) for each in first) > 20
    unmatched = [
        sum(int(each.valid.sum()) for each in drawn_batches(toy_sets, name)) for name in ("negatives", "pairs")
    ]
    assert unmatched[0] != unmatched[1]


def test_the_summaries_have_one_number_for_all(toy_sets):
    found = [read_json(toy_sets / "out" / name / "summary.json") for name in ("toy", "pairs")]
    assert found[0]["negatives"] == found[1]["negatives"] > 0
    assert found[0]["captions"]["processed"] == toy.IMAGES * toy.CAPTIONS
    per_caption = negatives_per_caption([toy_sets / "out" / name for name in ("toy", "pairs")])
    assert list(per_caption.values()) == [found[0]["negatives"] / (toy.IMAGES * toy.CAPTIONS)] * 2
    assert read_json(toy_sets / "out" / "manifest.json")["inputs"].keys() >= {"captions", "toy/negatives.parquet"}


def test_sets_drawn_with_other_captions_are_refused(toy_sets, tmp_path):
    other = read_table(toy_sets / "tables" / "captions.parquet", "captions")
    write_table(other.with_columns(pl.col("caption_id") + "x"), tmp_path / "captions.parquet", "captions")
    with pytest.raises(InputError, match="made of a caption that is not given"):
        read_corpus(
            store=Store(toy_sets / "store"),
            captions=tmp_path / "captions.parquet",
            negatives=toy_sets / "out" / "pairs",
            verdicts=("verified",),
            tokenization=Tokenization(word_tokenizer(toy.WORDS, 16), 16),
        )


MATCH = {"experiment": "x", "negatives": {"match": {"methods": ["random", "keyword"]}}}


def test_an_experiment_matches_the_methods_that_its_arms_use():
    experiment = resolve(MATCH)
    assert experiment.matched_methods() == ["keyword", "random"]
    assert parts(experiment)["negatives/matched"].config["match"]["methods"] == ["keyword", "random"]
    assert "match" not in parts(experiment)["negatives/keyword"].config["shared"]
    single = resolve({**MATCH, "arms": {"base": {"objective": "clip"}, "k": {"method": "keyword", "objective": "hnc"}}})
    assert single.matched_methods() == []
    assert "negatives/matched" not in parts(single)


@pytest.mark.parametrize(
    ("methods", "message"),
    [(["random", "keywrd"], "'keywrd' is not configured"), (["random", "random"], "named twice")],
)
def test_methods_that_cannot_be_matched_are_refused(methods, message):
    with pytest.raises(InputError, match=message):
        resolve({"experiment": "x", "negatives": {"match": {"methods": methods}}})
