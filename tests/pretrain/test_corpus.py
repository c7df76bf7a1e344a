"""The texts of a training: the same as if all tables were in memory, kept as tokens, and made once for a run."""

import dataclasses

import numpy as np
import polars as pl
import pytest
import toy_training as toy
from test_batches import batches, corpus
from test_training import Killed, KilledState, arm

from nearmiss.base import table_parts
from nearmiss.base.caption_sets import read_caption_parts, read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import read_parts
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.models.tokenization import Tokenization, clip_tokenization, text_book, word_tokenizer
from nearmiss.engine.training import corpus_files
from nearmiss.engine.training.corpus_files import open_corpus, store_corpus
from nearmiss.engine.training.token_book import TokenBookBuilder
from nearmiss.stages.pretrain import stage

TEXTS = [row["text"] for row in toy.captions()] + ["A red cube", "a red cube", "a purple cube", "a " * 40, "the"]


@pytest.mark.parametrize("tokenization", [Tokenization(word_tokenizer(toy.WORDS, 16), 16), clip_tokenization(20)])
@pytest.mark.parametrize("parts", [1, 4])
def test_a_token_book_has_the_rows_of_a_text_book(tokenization, parts):
    """Texts with equal tokens share a row, and rows are sorted by tokens, however the texts are divided."""
    builder, expected = TokenBookBuilder(tokenization, strings=True), text_book(TEXTS, tokenization)
    numbers = np.concatenate([builder.add(pl.Series(some.tolist())) for some in np.array_split(np.array(TEXTS), parts)])
    book, rows = builder.finish()
    assert rows[numbers].tolist() == expected.numbers(pl.Series(TEXTS)).tolist()
    read = book.padded(np.arange(len(book)))
    assert read.lengths.tolist() == expected.lengths.tolist()
    assert read.tokens.tolist() == expected.ids[:, : expected.lengths.max()].tolist()
    assert (book.truncated, book.unknown) == (expected.truncated, 1 if expected.unknown else 0)
    assert book.string(expected.number["a red cube"]) == "A red cube"


def test_a_table_is_read_in_parts(toy_files, monkeypatch):
    monkeypatch.setattr(table_parts, "ROWS", 7)
    file = toy_files / "negatives" / "negatives.parquet"
    parts = list(read_parts(file, "negatives", ("negative", "verdict")))
    assert len(parts) > 3 and all(part.height <= 7 for part in parts)
    assert pl.concat(parts).equals(read_table(file, "negatives").select("negative", "verdict"))


@pytest.mark.parametrize("name", ["broad", "narrow", None, "other"])
@pytest.mark.parametrize("sets", [["broad"], ["broad", "narrow"], []])
def test_caption_sets_are_chosen_as_in_memory(tmp_path, monkeypatch, name, sets):
    monkeypatch.setattr(table_parts, "ROWS", 5)
    rows = toy.captions()[:12]
    if sets:
        rows = [{**row, "set": sets[number % len(sets)]} for number, row in enumerate(rows)]
    frame = pl.DataFrame(rows, schema_overrides={"template_id": pl.String})
    write_table(frame, tmp_path / "captions.parquet", "captions")

    def found(read):
        try:
            return read().to_dict(as_series=False)
        except InputError as error:
            return str(error)

    file = tmp_path / "captions.parquet"
    assert found(lambda: pl.concat(read_caption_parts(file, name, ("caption_id", "text")))) == found(
        lambda: read_caption_set(file, name).select("caption_id", "text")
    )


def test_missing_and_wrong_columns_are_reported_as_in_memory(toy_files, tmp_path):
    frame = read_table(toy_files / "negatives" / "negatives.parquet", "negatives")
    file = tmp_path / "negatives.parquet"
    for other in (frame.drop("verdict"), frame.with_columns(pl.lit(1).alias("positive"))):
        other.write_parquet(file)
        with pytest.raises(InputError) as whole:
            read_table(file, "negatives")
        with pytest.raises(InputError) as in_parts:
            list(read_parts(file, "negatives", ("type",)))
        assert str(whole.value) == str(in_parts.value)
    file.write_bytes(b"torn")
    with pytest.raises(InputError, match="not readable Parquet"):
        list(read_parts(file, "negatives", ("type",)))


@pytest.mark.parametrize("negatives", [None, "negatives", "pairs"])
def test_batches_of_a_stored_corpus_are_those_of_the_tables(toy_files, tmp_path, monkeypatch, negatives):
    more = {"paraphrased": True, "placeholder": "###"} if negatives == "negatives" else {}
    read = corpus(toy_files, negatives, **more)
    monkeypatch.setattr(table_parts, "ROWS", 5)
    store_corpus(tmp_path / "corpus", lambda: corpus(toy_files, negatives, **more))
    mapped = open_corpus(tmp_path / "corpus")
    assert isinstance(mapped.book.tokens, np.memmap)
    for step in range(7):
        one, other = (dataclasses.asdict(batches(each).at(step)) for each in (read, mapped))
        texts = one.pop("texts"), other.pop("texts")
        assert all(np.array_equal(texts[0][name], texts[1][name]) for name in ("tokens", "lengths"))
        assert all(np.array_equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one)


def test_a_damaged_or_incomplete_corpus_is_made_again(toy_files, tmp_path):
    folder, made = tmp_path / "corpus", []

    def read():
        made.append(1)
        return corpus(toy_files, "negatives")

    def content():
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    store_corpus(folder, read)
    expected = content()
    store_corpus(folder, read)
    assert len(made) == 1
    for count, name in enumerate(expected):
        whole = expected[name]
        for damaged in (whole[: len(whole) // 2], whole.replace(b"0", b"1") if name.endswith("json") else whole + b"0"):
            (folder / name).write_bytes(damaged)
            store_corpus(folder, read)
            assert content() == expected
        (folder / name).unlink()
        store_corpus(folder, read)
        assert content() == expected and len(made) == 1 + 3 * (count + 1)


def test_a_killed_run_continues_without_reading_the_tables_again(toy_base, tmp_path, monkeypatch):
    state, reads, read = tmp_path / "state", [], stage.read_corpus
    monkeypatch.setattr(stage, "read_corpus", lambda **given: reads.append(1) or read(**given))
    given = arm(toy_base, "own", out=tmp_path / "out") | {"state": state}
    with monkeypatch.context() as patched:
        patched.setattr(KilledState, "kill_at", 2)
        patched.setattr("nearmiss.engine.training.state.State", KilledState)
        with pytest.raises(Killed):
            stage.run(**given)
    assert list(state.glob(f"*/corpus/{corpus_files.RECORD}"))
    stage.run(**given)
    assert len(reads) == 1
    assert [path.name for path in state.iterdir()] == ["lock"]
