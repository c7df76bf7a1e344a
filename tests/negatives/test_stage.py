"""The stage's one path: every method's tables, reasons for what is refused, and the same bytes every time."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import small_world

import nearmiss
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.engine.text.edits import Edit, replay
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.wording import words
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Method, Outcome, Positive, Rejected
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.spec import KeywordConfig, ReplaceConfig
from nearmiss.stages.negatives.stage import run
from nearmiss.stages.negatives.truth_report import report

CONFIGS = NegativesConfig().methods
SOURCE = Path(nearmiss.__file__).parents[1]


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, Path]:
    return small_world.write(tmp_path_factory.mktemp("world"), 60)


@pytest.fixture(scope="module")
def made(given, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("negatives")
    for name, config in CONFIGS.items():
        run(name=name, config=config, seed=0, out=folder / name, **given)
    return folder


@pytest.fixture(params=sorted(CONFIGS))
def method(request) -> str:
    return request.param


def test_every_configured_method_is_registered():
    assert {config.method for config in CONFIGS.values()} == METHODS.keys() - {"swap", "published"}  # no default arm


def test_no_false_negative_with_complete_annotations(made, given, method, tmp_path):
    found = report(negatives=made / method, truth=given["images"].parent / "truth", out=tmp_path / "truth.json")
    assert found["negatives"]["n"] > 100
    assert found["negatives"] == {"n": found["negatives"]["n"], "true": 0, "undefined": 0, "unparsed": 0} | {
        "false": found["negatives"]["n"]
    }
    assert found["positives"]["false"] == found["positives"]["undefined"] == 0


def test_edits_turn_positives_into_negatives(made, method):
    for row in read_table(made / method / "negatives.parquet", "negatives").iter_rows(named=True):
        edits = [Edit(**edit) for edit in row["edits"]]
        assert replay(row["positive"], edits) == row["negative"] != row["positive"]


def test_nothing_reserved_is_mentioned(made, given, method):
    reserved = read_json(given["reserved"])
    pairs = {tuple(pair) for pair in reserved["pairs"]}
    relations = {tuple(relation) for relation in reserved["relations"]}
    assert pairs and relations
    for row in read_table(made / method / "negatives.parquet", "negatives").iter_rows(named=True):
        for text in (row["positive"], row["negative"]):
            statement = parse(text)
            assert not pairs & set(statement.pairs()), text
            assert statement.shape_relation() not in relations, text


def test_negatives_use_words_of_the_world(made, method):
    known = {word.lower() for word in words(WorldConfig())}
    negatives = read_table(made / method / "negatives.parquet", "negatives")["negative"]
    assert {word for text in negatives for word in re.findall(r"[\w-]+", text.lower())} <= known


def test_every_negative_has_a_positive_and_a_unique_id(made, given, method):
    negatives = read_table(made / method / "negatives.parquet", "negatives")
    captions = read_table(made / method / "captions.parquet", "captions")
    assert set(captions["caption_id"]) == set(negatives["caption_id"])
    given_ids = set(read_table(given["captions"], "captions")["caption_id"])
    assert given_ids.isdisjoint(captions["caption_id"]) == (method == "scene_graph")
    assert method == "scene_graph" or given_ids.issuperset(captions["caption_id"])
    joined = negatives.join(captions, on="caption_id", how="left", suffix="_own")
    assert (joined["positive"] == joined["text"]).all()
    assert (joined["image_id"] == joined["image_id_own"]).all()
    assert negatives["negative_id"].n_unique() == negatives.height
    assert negatives.unique(["caption_id", "negative"]).height == negatives.height


def test_counts_add_up(made, method):
    summary = read_json(made / method / "summary.json")
    negatives = read_table(made / method / "negatives.parquet", "negatives")
    rejected = read_table(made / method / "rejected.parquet", "rejected")
    assert summary["negatives"] == negatives.height == sum(summary["by_concept"].values())
    assert summary["rejected"] == rejected.height == sum(summary["by_reason"].values())
    assert rejected["reason"].null_count() == 0
    manifest = read_json(made / method / "manifest.json")
    assert set(manifest["inputs"]) == {"captions", "images", "objects", "relations", "reserved"}
    assert "cost.json" not in manifest["outputs"]


@pytest.fixture(scope="module")
def made_again(given, tmp_path_factory) -> Path:
    """All methods once more, in another process with another hash seed, from tables in another order."""
    folder = tmp_path_factory.mktemp("again")
    shuffled = dict(given)
    for name in small_world.TABLES:
        shuffled[name] = folder / f"{name}.parquet"
        write_table(read_table(given[name], name).reverse(), shuffled[name], name)
    code = (
        "import json, sys; from pathlib import Path; from nearmiss.stages.negatives.config import NegativesConfig;"
        "from nearmiss.stages.negatives.stage import run; out, given = json.loads(sys.argv[1]);"
        "[run(name=name, config=config, seed=0, out=Path(out, name), **{key: Path(given[key]) for key in given})"
        " for name, config in NegativesConfig().methods.items()]"
    )
    arguments = json.dumps([str(folder), {key: str(path) for key, path in shuffled.items()}])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, "-c", code, arguments], check=True, env=environment)
    return folder


def test_bytes_do_not_depend_on_row_order_and_hash_seed(made, made_again, method):
    for file in sorted((made / method).glob("*.parquet")):
        assert file.read_bytes() == (made_again / method / file.name).read_bytes(), file.name


def test_another_seed_draws_other_negatives(made, given, tmp_path):
    run(name="keyword", config=CONFIGS["keyword"], seed=1, out=tmp_path / "other", **given)
    one, other = (
        read_table(folder / "negatives.parquet", "negatives")["negative"].to_list()
        for folder in (made / "keyword", tmp_path / "other")
    )
    assert one != other


def test_only_the_given_split_is_read(given, tmp_path):
    images = read_table(given["images"], "images")
    first = images["image_id"][0]
    split = images.with_columns(split=pl.when(pl.col("image_id") == first).then(pl.lit("val")).otherwise("split"))
    write_table(split, tmp_path / "images.parquet", "images")
    corpus = read_corpus(given["captions"], tmp_path / "images.parquet", given["objects"], given["relations"])
    assert first not in corpus.captions_of
    assert first not in corpus.annotations


def planted(*outcomes: Outcome) -> Method:
    """A method that makes these outcomes, faults and all."""

    def generate(corpus: Corpus, options: object) -> Iterator[Outcome]:
        yield from outcomes

    return Method("planted", generate)


def test_planted_faults_are_rejected_with_their_reasons(given):
    corpus = read_corpus(**given)
    caption = next(c for c in corpus.captions if c.template_id == "conjunction.bare")
    image_id, text = caption.image_id, caption.text
    (first, second), color = text.split(" and "), "red" if "red" not in text else "blue"
    pair = min(corpus.reserved.pairs)
    own = corpus.captions_of[image_id][0].text

    def candidate(negative: str, caption_id: str = caption.caption_id) -> Candidate:
        return Candidate(caption_id, image_id, "planted", text, negative)

    good = candidate(f"{first} and a {color} {second.split()[-1]}")
    taken = check_candidates(
        corpus,
        planted(
            good,
            good,
            candidate(first),
            candidate(own),
            candidate(f"{second} and {first}"),
            candidate(f"a {pair[0]} {pair[1]}"),
            Rejected(caption.caption_id, image_id, "planted", "no idea", text),
            Positive("own-1", image_id, f"no {first.split()[-1]}s"),
            candidate("no things", "own-1"),
        ),
        KeywordConfig(),
        "planted",
    )
    assert len(taken.negatives) <= 1
    assert taken.reasons() == {
        "duplicate": 1,
        "true of the image": 1,
        "states what a caption of the image states": 2,
        "reserved combination": 1,
        "no idea": 1,
        "the positive is not true by the annotations": 1,
    }


def test_annotations_are_optional(given, tmp_path):
    summary = run(name="keyword", config=KeywordConfig(), seed=0, captions=given["captions"], out=tmp_path / "out")
    assert summary["by_verdict"].keys() == {"plausible"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "final"}, "no captions of split 'final'"),
        ({"captions": Path("nowhere.parquet")}, "missing"),
        ({"name": "replace", "config": ReplaceConfig(slots=["action"])}, "made no negative"),
    ],
)
def test_mistakes_of_a_user_are_named(given, tmp_path, change, message):
    arguments = {"name": "keyword", "config": KeywordConfig(), "seed": 0, "out": tmp_path / "out", **given, **change}
    with pytest.raises(InputError, match=message):
        run(**arguments)
    assert not (tmp_path / "out").exists()


def test_captions_of_unknown_images_are_named(given, tmp_path):
    captions = read_table(given["captions"], "captions").head(1).with_columns(image_id=pl.lit("none-such"))
    write_table(captions, tmp_path / "captions.parquet", "captions")
    with pytest.raises(InputError, match="none-such"):
        read_corpus(tmp_path / "captions.parquet", given["images"])


def test_a_damaged_list_of_reserved_combinations_is_named(given, tmp_path):
    write_json(tmp_path / "reserved.json", {"pairs": [["red"]]})
    with pytest.raises(InputError, match="reserved"):
        read_corpus(given["captions"], reserved=tmp_path / "reserved.json")


def test_an_image_without_objects_has_no_annotations():
    corpus = Corpus((), table("images", []), table("objects", []), table("relations", []), 0)
    assert corpus.annotations == {}
    assert corpus.verdict("1", "a red cube").kind == "plausible"
