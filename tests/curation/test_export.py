"""The curated set: what was accepted, what was set aside and why, and the report."""

import polars as pl
import pytest
import toy_sets

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json
from nearmiss.base.tables import read_table
from nearmiss.engine.curation.export import export, in_words
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.curation.store import Decision, Store

# An item a column: anna and ben agree on three of five, cleo has begun.
SAID = {"anna": "aaarr", "ben": "ararr", "cleo": "a----"}


@pytest.fixture
def curated(tmp_path):
    return open_set(toy_sets.write_negatives(tmp_path / "set"))


@pytest.fixture
def store(tmp_path, curated):
    with Store(tmp_path / "decisions.db", curated.digest) as opened:
        for name, decided in SAID.items():
            for item, letter in zip(curated.items, decided, strict=True):
                token = f"{name} {item.key}"
                if letter == "a":
                    opened.add(Decision(name, item.key, "accept"), token)
                elif letter == "r":
                    opened.add(Decision(name, item.key, "refuse", reason="true" if name == "anna" else "absurd"), token)
        yield opened


def test_accepted_items_keep_the_format_and_others_are_set_aside(tmp_path, curated, store):
    export(curated, store, tmp_path / "out", rule="all", annotators=["anna", "ben"])
    accepted = read_table(tmp_path / "out" / "negatives.parquet", "negatives")
    aside = pl.read_parquet(tmp_path / "out" / "set_aside.parquet")
    assert accepted["negative_id"].to_list() == ["n0", "n2"]
    assert aside["item"].to_list() == ["n1", "n3", "n4"]
    assert aside.row(1, named=True) == {
        "item": "n3",
        "concept": "object",
        "original": "a cat in a box",
        "changed": "a cow in a box",
        "outcome": "refused",
        "reasons": [{"annotator": "anna", "reason": "true"}, {"annotator": "ben", "reason": "absurd"}],
    }


def test_the_report_counts_items_reasons_and_agreement(tmp_path, curated, store):
    report = export(curated, store, tmp_path / "out", rule="all", annotators=["ben", "anna"])
    assert report == read_json(tmp_path / "out" / "report.json")
    assert report["annotators"] == ["anna", "ben"]
    assert report["decided"] == {"anna": 5, "ben": 5}
    assert report["outcomes"] == {"accepted": 2, "refused": 3, "undecided": 0}
    assert report["by_concept"]["object"] == {"accepted": 1, "refused": 1, "undecided": 0}
    assert report["by_reason"] == {"absurd": 3, "true": 2}
    assert report["reasons_by_concept"]["color"] == {"absurd": 1}
    # both accept 2 and both refuse 2 of 5, where 3 and 2 were accepted: chance is (6 + 6) / 25
    kappa = pytest.approx((4 / 5 - 12 / 25) / (1 - 12 / 25), abs=1e-6)
    assert report["cohen"] == [{"annotators": ["anna", "ben"], "items": 5, "observed": 0.8, "kappa": kappa}]


def test_the_report_as_text(tmp_path, curated, store):
    decided = in_words(export(curated, store, tmp_path / "out", rule="majority"))
    assert "2 accepted, 2 refused, 1 undecided (rule: majority; annotators: anna, ben, cleo)" in decided
    assert "  color: 1 of 2 accepted; refused for: absurd 1" in decided
    assert "Cohen's kappa, anna and ben: 0.62 over 5 items (80% agreement)" in decided
    assert "Fleiss' kappa, all 3: undefined over 1 items" in decided


def test_equal_decisions_give_equal_bytes(tmp_path, curated, store):
    for name in ("one", "other"):
        export(curated, store, tmp_path / name, rule="all", annotators=["anna", "ben"])
    assert folder_sha256(tmp_path / "one") == folder_sha256(tmp_path / "other")


def test_pairs_give_equal_bytes_too(tmp_path):
    pairs = toy_sets.pairs(tmp_path)
    with Store(tmp_path / "pairs.db", pairs.digest) as opened:
        opened.add(Decision("anna", "3", "accept", caption="a fox in a box"), "t")
        for name in ("one", "other"):
            export(pairs, opened, tmp_path / name, rule="all")
    assert folder_sha256(tmp_path / "one") == folder_sha256(tmp_path / "other")
    assert [item.changed for item in open_set(tmp_path / "one").items] == ["a fox in a box"]


def test_a_later_export_replaces_an_earlier_one(tmp_path, curated, store):
    export(curated, store, tmp_path / "out", rule="all", annotators=["anna", "ben"])
    store.add(Decision("ben", "n1", "accept"), "changed his mind")
    export(curated, store, tmp_path / "out", rule="all", annotators=["anna", "ben"])
    accepted = read_table(tmp_path / "out" / "negatives.parquet", "negatives")
    assert accepted["negative_id"].to_list() == ["n0", "n1", "n2"]


def test_corrections_are_counted(tmp_path, curated, store):
    store.add(Decision("anna", "n0", "accept", caption="a black ball on a mat"), "corrected")
    report = export(curated, store, tmp_path / "out", rule="all", annotators=["anna", "ben"])
    assert (report["captions_edited"], report["captions_differ"]) == (1, 1)


@pytest.mark.parametrize("place", ["set", "."])
def test_neither_the_set_nor_the_decisions_are_overwritten(tmp_path, curated, store, place):
    before = folder_sha256(tmp_path / "set")
    with pytest.raises(InputError, match="is or holds an input"):
        export(curated, store, tmp_path / place, rule="all", annotators=["anna"])
    assert folder_sha256(tmp_path / "set") == before
    assert store.last()


def test_an_export_is_not_written_over_its_input(tmp_path, curated, store):
    export(curated, store, tmp_path / "out", rule="all", annotators=["anna"])
    again = open_set(tmp_path / "out")
    with Store(tmp_path / "again.db", again.digest) as decisions:
        decisions.add(Decision("anna", "n0", "accept"), "t")
        with pytest.raises(InputError, match="is or holds an input"):
            export(again, decisions, tmp_path / "out", rule="all")
    assert len(open_set(tmp_path / "out").items) == 3


def test_without_accepted_items_nothing_is_written(tmp_path, curated, store):
    store.add(Decision("cleo", "n0", "refuse", reason="true"), "last")
    with pytest.raises(InputError, match="no item is accepted"):
        export(curated, store, tmp_path / "out", rule="all")
    assert not (tmp_path / "out").exists()


def test_an_export_without_decisions_is_refused(tmp_path, curated):
    with Store(tmp_path / "fresh.db", curated.digest) as fresh, pytest.raises(InputError, match="no decisions"):
        export(curated, fresh, tmp_path / "out", rule="majority")


def test_an_annotator_without_decisions_is_refused(tmp_path, curated, store):
    with pytest.raises(InputError, match="dora") as caught:
        export(curated, store, tmp_path / "out", rule="all", annotators=["anna", "dora"])
    assert "anna, ben, cleo" in str(caught.value)
