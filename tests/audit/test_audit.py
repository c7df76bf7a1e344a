"""The audit of a file: what it reports, what it sets aside, what it drops, and how it refuses."""

import json
from pathlib import Path

import numpy as np
import planted
import polars as pl
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256
from nearmiss.base.seeding import array_rng
from nearmiss.cli import app
from nearmiss.engine.audit import features
from nearmiss.engine.audit.balance import USED
from nearmiss.engine.audit.pairs import load
from nearmiss.engine.audit.registry import PROBES, UNSEEN
from nearmiss.engine.audit.report import BALANCED, LARGE, run
from nearmiss.engine.audit.terminal import WIDTH, text

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "sugarcrepe" / "data"


def audited(tmp_path: Path, frame: pl.DataFrame, *, balance: bool = False, name: str = "out", **given: object) -> dict:
    path = tmp_path / "pairs.parquet"
    frame.write_parquet(path)
    options = {"form": None, "corpus": None, "seed": 0, **given}
    return run(pairs=path, balance=balance, out=tmp_path / name, **options)


LONG = "and_logic_attribute_of_things"


def two_types() -> pl.DataFrame:
    one, other = planted.drawn(120, planted.lopsided), planted.drawn(80, planted.longer)
    return pl.concat([one, other.with_columns(type=pl.lit(LONG))])


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder and the report of both types, balanced."""
    folder = tmp_path_factory.mktemp("balanced")
    return folder / "out", audited(folder, two_types(), balance=True)


def test_a_row_for_each_type_probe_and_scheme(tmp_path):
    report = audited(tmp_path, two_types())
    expected = {
        (kind, probe.name, scheme)
        for kind in ("planted", LONG, "all")
        for probe in (*PROBES, UNSEEN)
        for scheme in probe.schemes
    }
    assert {(row["type"], row["probe"], row["scheme"]) for row in report["rows"]} == expected
    assert len(report["rows"]) == len(expected)
    for row in report["rows"]:
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert pl.read_parquet(tmp_path / "out" / "report.parquet").to_dicts() == report["rows"]
    assert not (tmp_path / "out" / "balanced.parquet").exists()


def test_the_interval_is_over_images_not_pairs(tmp_path):
    # the same pair 40 times for each of few images: 400 pairs that are worth ten
    frame = pl.concat([planted.drawn(20, planted.lopsided)] * 20)
    few = next(row for row in audited(tmp_path, frame)["rows"] if row["probe"] == "words" and row["scheme"] == "image")
    assert (few["n"], few["images"]) == (400, 10)
    assert few["high"] - few["low"] > 0.15


def test_the_report_does_not_depend_on_record_order(balanced, tmp_path):
    frame = two_types()
    mixed = frame[array_rng(0, "order").permutation(frame.height).tolist()]
    assert not mixed.equals(frame)
    out, report = balanced
    assert audited(tmp_path, mixed, balance=True) == report
    kept = [pl.read_parquet(folder / "balanced.parquet").sort(pl.all()) for folder in (out, tmp_path / "out")]
    assert kept[0].equals(kept[1])


def test_balancing_is_determined_by_the_seed(tmp_path):
    frame = planted.drawn(150, planted.lopsided)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        audited(tmp_path, frame, balance=True, name=name, seed=seed)
    hashes = [folder_sha256(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_balancing_leaves_the_unseen_probe_near_chance_and_counts_dropped_pairs(tmp_path):
    frame = planted.drawn(2400, planted.lopsided).with_columns(other=pl.int_range(2400), negative_id=pl.lit("x"))
    frame = frame.select("other", "negative", "positive", "type", "image_id", "negative_id")
    report = audited(tmp_path, frame, balance=True)
    found = report["balance"]["planted"]
    best = {
        name: max(row["accuracy"] for row in report["rows"] if row["set"] == name and row["probe"] == UNSEEN.name)
        for name in ("given", "balanced")
    }
    assert best["given"] > 0.6
    assert found["balanced"] is True
    assert found["unseen"]["high"] <= BALANCED
    assert LARGE <= found["before"] == 2400
    assert found["dropped"] == pytest.approx(1 - found["after"] / found["before"])
    assert 0.2 < found["dropped"] < 0.8
    kept = pl.read_parquet(tmp_path / "out" / "balanced.parquet")
    assert kept.schema == frame.schema
    assert kept.height == found["after"]
    assert kept["other"].is_sorted()  # the order of the input
    assert kept.equals(frame.filter(pl.col("other").is_in(kept["other"].implode())))


def test_a_set_at_chance_keeps_most_of_its_pairs(tmp_path):
    report = audited(tmp_path, planted.drawn(600, planted.exchanged), balance=True)
    assert report["balance"]["planted"]["dropped"] <= 0.15


def test_the_unseen_probe_has_no_part_in_the_balancing():
    assert UNSEEN.name not in USED
    words = ("a", "dog", "on", "a", "red", "mat", "on", "a", "dog")
    assert not set(features.bigrams(words)) & set(features.words_and_distant_pairs(words))


def test_the_table_fits_a_terminal_and_states_chance(balanced):
    lines = text(balanced[1]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "chance is 50 %" in lines[0]
    assert any("dropped" in line for line in lines)


def test_pairs_that_cannot_be_audited_are_counted_and_set_aside(tmp_path):
    odd = planted.frame([("a dog", "a dog"), ("a dog", "A dog."), ("a dog", " "), ("a dog", None)])
    report = audited(tmp_path, pl.concat([planted.drawn(40, planted.replaced), odd]))
    assert report["pairs"] == {
        "read": 44,
        "audited": 40,
        "set_aside": {
            "caption equals its negative": 1,
            "empty text": 2,
            "same words, other punctuation or capitals": 1,
        },
    }


def test_one_pair_and_pairs_without_image_or_type_are_audited(tmp_path):
    report = audited(tmp_path, planted.frame([("a dog", "a cat")]), balance=True)
    assert {row["accuracy"] for row in report["rows"]} == {0.5}
    bare = pl.DataFrame({"image_id": None, "type": None, "positive": ["a", "b"], "negative": ["c", "d"]})
    assert {row["type"] for row in audited(tmp_path, bare)["rows"]} == {"untyped", "all"}


GOOD = planted.frame([("a dog", "a cat")])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (GOOD.drop("positive"), r"lack the columns \['positive'\]"),
        (GOOD.clear(), "has no pairs"),
        (GOOD.with_columns(negative=pl.lit(1)), r"hold no text: \['negative'\]"),
        (GOOD.with_columns(negative=pl.lit(None, pl.String)), "positives only"),
        (GOOD.with_columns(positive=pl.lit(None, pl.String)), "negatives only"),
        (GOOD.with_columns(negative=pl.col("positive")), "no pair can be audited"),
    ],
)
def test_unusable_tables_are_refused(frame, message):
    with pytest.raises(InputError, match=message) as caught:
        load(frame, file=Path("x.parquet"))
    assert caught.value.remedy


def test_unusable_files_are_refused(tmp_path):
    broken = tmp_path / "x.parquet"
    broken.write_bytes(b"")
    given = {"form": None, "corpus": None, "balance": False, "seed": 0, "out": tmp_path / "out"}
    for path, message in ((broken, "not readable Parquet"), (tmp_path / "no.parquet", "is missing")):
        with pytest.raises(InputError, match=message):
            run(pairs=path, **given)
    GOOD.write_parquet(broken)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A dog.\n\n")
    with pytest.raises(InputError, match="no caption that is not under audit"):
        run(pairs=broken, **{**given, "corpus": corpus})
    assert not (tmp_path / "out").exists()


def test_the_command_prints_the_table(tmp_path, capsys):
    planted.drawn(60, planted.longer).write_parquet(tmp_path / "x.parquet")
    arguments = ["negatives", "audit", "--pairs", tmp_path / "x.parquet", "--out", tmp_path / "out"]
    app(list(map(str, arguments)), exit_on_error=False, result_action="return_value")
    found = capsys.readouterr().out
    assert "60 of 60 pairs classified by their texts; chance is 50 %." in found
    assert "100.0" in found


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="no real data beside the checkout")
def test_length_reveals_the_added_words_of_sugarcrepe(tmp_path):
    report = run(pairs=REAL, form="sugarcrepe", corpus=None, balance=False, seed=0, out=tmp_path / "out")
    found = {row["type"]: row for row in report["rows"] if row["probe"] == "length"}
    assert found["add_obj"]["accuracy"] > 0.97
    assert found["add_att"]["accuracy"] > 0.97
    assert found["all"]["n"] == 7511
    assert np.isclose(found["replace_obj"]["accuracy"], 0.54, atol=0.04)
