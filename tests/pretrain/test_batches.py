"""What a run reads: the same images and captions for every arm, negatives of the right caption, nothing else."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
import toy_training as toy
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.preprocessing import preprocessing, resizing
from nearmiss.engine.models.tokenization import Tokenization, word_tokenizer
from nearmiss.engine.training.batches import Batches
from nearmiss.engine.training.corpus import read_corpus
from nearmiss.stages.pretrain import store

BOTH = ("verified", "plausible")


def corpus(folder, negatives=None, verdicts=BOTH, **wanted):
    return read_corpus(
        store=Store(folder / "store"),
        captions=folder / "tables" / "captions.parquet",
        negatives=None if negatives is None else folder / negatives,
        verdicts=verdicts,
        tokenization=Tokenization(word_tokenizer(toy.WORDS, 16), 16),
        **wanted,
    )


def batches(read, *, seed=0, phase="continued", num_negatives=4):
    return Batches(read, size=8, seed=seed, phase=phase, num_negatives=num_negatives)


def make_store(images, root, out):
    store.run(config=toy.CONFIG, images=images, root=root, out=out, state=out.with_name("store-state"))


def words(batch, place):
    """The tokens of one of a batch's texts, without padding."""
    return batch.texts.tokens[place, : batch.texts.lengths[place]].tolist()


def tokens(text):
    return word_tokenizer(toy.WORDS, 16).encode(text).ids


def same_images_and_captions(one, other):
    return one.rows.tolist() == other.rows.tolist() and all(
        words(one, a) == words(other, b) for a, b in zip(one.captions, other.captions, strict=True)
    )


def test_edited_captions_of_a_method_do_not_change_batches(toy_files, tmp_path):
    """Every method writes its positives; those that are the images' own captions are no further texts."""
    shutil.copytree(toy_files, tmp_path / "toy")
    folder = tmp_path / "toy"
    before = batches(corpus(folder, "negatives"))
    used = read_table(folder / "negatives" / "negatives.parquet", "negatives")["caption_id"]
    own = read_table(folder / "tables" / "captions.parquet", "captions")
    write_table(own.filter(pl.col("caption_id").is_in(used)), folder / "negatives" / "captions.parquet", "captions")
    after = batches(corpus(folder, "negatives"))
    assert not after.corpus.negative_table.paired
    for step in range(4):
        one, other = before.at(step), after.at(step)
        assert one.rows.tolist() == other.rows.tolist()
        assert (one.texts.tokens == other.texts.tokens).all() and (one.negatives == other.negatives).all()


def test_every_arm_of_a_seed_has_the_same_images_and_captions(toy_files):
    arms = [batches(corpus(toy_files, negatives)) for negatives in (None, "negatives", "pairs")]
    for step in range(10):
        one, *others = [arm.at(step) for arm in arms]
        assert all(same_images_and_captions(one, other) for other in others)


def test_seed_phase_and_epoch_change_the_order_and_the_captions(toy_files):
    read = corpus(toy_files)
    one = batches(read)
    for other in (batches(read, seed=1), batches(read, phase="base")):
        assert not same_images_and_captions(one.at(0), other.at(0))
    epochs = [[one.at(step).rows.tolist() for step in range(first, first + 3)] for first in (0, 3)]
    assert epochs[0] != epochs[1]
    assert all(sorted(row for rows in epoch for row in rows) == list(range(toy.IMAGES)) for epoch in epochs)


def test_steps_can_be_computed_in_any_order(toy_files):
    read = corpus(toy_files, "negatives")
    forward, backward = batches(read), batches(read)
    seen = {step: forward.at(step) for step in range(7)}
    for step in reversed(range(7)):
        again = backward.at(step)
        assert torch.equal(again.texts.tokens, seen[step].texts.tokens)
        assert torch.equal(again.negatives, seen[step].negatives)


def test_a_batch_has_a_caption_of_each_image_and_its_negatives(toy_files):
    rows_of = read_table(toy_files / "negatives" / "negatives.parquet", "negatives")
    wanted = {}
    for row in rows_of.iter_rows(named=True):
        wanted.setdefault((row["image_id"], tuple(tokens(row["positive"]))), []).append(row)
    ids = Store(toy_files / "store").ids
    arm, counts = batches(corpus(toy_files, "negatives"), num_negatives=3), 0
    for step in range(12):
        batch = arm.at(step)
        assert torch.equal(batch.positives[:, 0], batch.captions)
        for place, row in enumerate(batch.rows):
            caption = words(batch, batch.captions[place])
            rows = wanted.get((ids[row], tuple(caption)), [])
            valid = batch.valid[place, 0]
            assert int(valid.sum()) == min(3, len(rows))
            found = [words(batch, text) for text in batch.negatives[place, 0][valid]]
            assert all(text in [tokens(row["negative"]) for row in rows] for text in found)
            own_only = [text == tokens("there is two ball") for text in found]
            assert batch.for_others[place, 0][valid].tolist() == [not own for own in own_only]
            counts += sum(own_only)
    assert counts


def test_negatives_are_sampled_again_in_every_epoch(toy_files):
    arm = batches(corpus(toy_files, "negatives"), num_negatives=1)
    drawn = {}
    for step in range(60):
        batch = arm.at(step)
        for place in range(8):
            if batch.valid[place, 0, 0]:
                text = tuple(words(batch, batch.negatives[place, 0, 0]))
                drawn.setdefault((int(batch.rows[place]), *words(batch, batch.captions[place])), set()).add(text)
    assert max(len(texts) for texts in drawn.values()) > 2


def test_pairs_come_from_the_image_with_one_negative_each(toy_files):
    written = read_table(toy_files / "pairs" / "negatives.parquet", "negatives")
    pairs = {
        (row["image_id"], *map(tuple, (tokens(row["positive"]), tokens(row["negative"])))) for row in written.to_dicts()
    }
    ids = Store(toy_files / "store").ids
    batch = batches(corpus(toy_files, "pairs"), num_negatives=4).at(0)
    assert batch.negatives.shape == (8, 2, 1)
    for place, row in enumerate(batch.rows):
        for group in range(2):
            positive = words(batch, batch.positives[place, group])
            if batch.valid[place, group, 0]:
                negative = words(batch, batch.negatives[place, group, 0])
                assert (ids[row], tuple(positive), tuple(negative)) in pairs
            else:
                assert positive == words(batch, batch.captions[place])
    assert batch.valid.any() and not batch.valid.all()


def test_a_batch_has_unique_texts_without_padding_columns(toy_files):
    batch = batches(corpus(toy_files, "negatives")).at(0)
    rows = [tuple(row) for row in batch.texts.tokens.tolist()]
    assert len(set(rows)) == len(rows) < 8 * 5
    assert batch.texts.tokens.shape[1] == int(batch.texts.lengths.max())
    assert (batch.texts.tokens != 0).sum(1).tolist() == batch.texts.lengths.tolist()


def test_verdicts_choose_negatives(toy_files):
    both, verified = (corpus(toy_files, "negatives", verdicts).negative_table for verdicts in (BOTH, ("verified",)))
    assert len(both.negatives) == len(verified.negatives) + 1
    with pytest.raises(InputError, match="verdict"):
        corpus(toy_files, "pairs", ("plausible",))


def test_texts_that_differ_only_in_case_are_equal(toy_files, tmp_path):
    shutil.copytree(toy_files, tmp_path, dirs_exist_ok=True)
    rows = [toy.caption("train-00", 0, "a red cube"), toy.caption("train-01", 0, "A Red cube")]
    write_table(
        pl.DataFrame(rows, schema_overrides={"template_id": pl.String}),
        tmp_path / "tables" / "captions.parquet",
        "captions",
    )
    read = corpus(tmp_path)
    assert read.captions[0] == read.captions[1]
    assert len(read) == 2


def test_a_batch_larger_than_the_data_is_refused(toy_files):
    with pytest.raises(InputError, match="do not fill"):
        Batches(corpus(toy_files), size=toy.IMAGES + 1, seed=0, phase="base", num_negatives=0)


def test_negatives_of_other_captions_are_refused(toy_files, tmp_path):
    shutil.copytree(toy_files, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "negatives" / "negatives.parquet"
    stale = read_table(file, "negatives")
    write_table(stale.with_columns(positive=pl.lit("a stale caption")), file, "negatives")
    with pytest.raises(InputError, match="a caption that is not given") as error:
        corpus(tmp_path, "negatives")
    assert "n-0000" in str(error.value)


def test_captions_of_no_image_in_the_store_are_refused(toy_files, tmp_path):
    shutil.copytree(toy_files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "store" / "image_ids.json").write_text(json.dumps([f"other-{n}" for n in range(toy.IMAGES)]))
    with pytest.raises(InputError, match="no caption belongs"):
        corpus(tmp_path)


def test_the_store_has_the_preprocessed_training_images(toy_files):
    opened = Store(toy_files / "store")
    assert opened.ids == [f"train-{n:02d}" for n in range(toy.IMAGES)]
    with Image.open(toy_files / "images" / "train-05.png") as image:
        assert np.array_equal(opened.pixels[opened.row("train-05")], resizing(preprocessing(24))(image))
    assert "val-00" not in opened
    assert (toy_files / "store" / "manifest.json").is_file()


def test_a_damaged_image_does_not_change_an_existing_store(toy_files, tmp_path):
    shutil.copytree(toy_files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "images" / "train-07.png").write_bytes(b"torn")
    before = (tmp_path / "store" / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="decode") as error:
        store.run(
            config=toy.CONFIG,
            images=tmp_path / "tables" / "images.parquet",
            root=tmp_path,
            out=tmp_path / "store",
            state=tmp_path / "store-state",
        )
    assert "train-07" in str(error.value)
    assert (tmp_path / "store" / "manifest.json").read_bytes() == before


def test_an_empty_split_is_refused(toy_files, tmp_path):
    others = read_table(toy_files / "tables" / "images.parquet", "images").filter(pl.col("split") != "train")
    write_table(others, tmp_path / "images.parquet", "images")
    with pytest.raises(InputError, match="no images in split train"):
        store.run(
            config=toy.CONFIG,
            images=tmp_path / "images.parquet",
            root=toy_files,
            out=tmp_path / "store",
            state=tmp_path / "store-state",
        )


def test_a_store_with_pixels_missing_is_refused(toy_files, tmp_path):
    shutil.copytree(toy_files / "store", tmp_path / "store")
    pixels = tmp_path / "store" / "pixels" / "rows-00000.npy"
    pixels.write_bytes(pixels.read_bytes()[:-100])
    with pytest.raises(InputError, match="pixels"):
        Store(tmp_path / "store")


def test_batches_do_not_depend_on_the_order_of_tables(toy_files, tmp_path):
    shutil.copytree(toy_files, tmp_path, dirs_exist_ok=True)
    for folder, name in (("tables", "captions"), ("negatives", "negatives")):
        file = tmp_path / folder / f"{name}.parquet"
        write_table(read_table(file, name).reverse(), file, name)
    one, other = (batches(corpus(folder, "negatives")).at(4) for folder in (toy_files, tmp_path))
    assert torch.equal(one.texts.tokens, other.texts.tokens)
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("rows", "negatives", "kinds"))


def test_reading_does_not_depend_on_absent_negatives(toy_files):
    read = corpus(toy_files, "negatives")
    assert same_images_and_captions(batches(read).at(2), batches(replace(read, negative_table=None)).at(2))


def test_a_text_is_paired_with_one_of_its_paraphrases(toy_files):
    read = corpus(toy_files, "negatives", paraphrased=True)
    paraphrase_table = read_table(toy_files / "negatives" / "paraphrases.parquet", "paraphrases")
    own: dict = {}
    for positive, paraphrase in paraphrase_table.select("positive", "paraphrase").iter_rows():
        own.setdefault(tuple(tokens(positive)), set()).add(tuple(tokens(paraphrase)))
    drawn, without = set(), 0
    for step in range(30):
        batch = batches(read).at(step)
        for image in range(8):
            positive = tuple(words(batch, batch.positives[image, 0]))
            paraphrase = tuple(words(batch, batch.paraphrases[image, 0]))
            assert bool(batch.paraphrased[image, 0]) == (positive in own)
            if positive in own:
                assert paraphrase in own[positive]
                drawn.add((positive, paraphrase))
            else:
                assert paraphrase == positive
                without += 1
    assert without and len(drawn) > len({positive for positive, _ in drawn})  # each of them, in time


def test_paraphrases_do_not_change_the_rest_of_a_batch(toy_files):
    with_them = batches(corpus(toy_files, "negatives", paraphrased=True)).at(3)
    without = batches(corpus(toy_files, "negatives")).at(3)
    assert same_images_and_captions(with_them, without)
    for one, other in zip(with_them.negatives[with_them.valid], without.negatives[without.valid], strict=True):
        assert words(with_them, one) == words(without, other)
    assert not without.paraphrased.any()


def test_an_absent_negative_is_the_placeholder_if_requested(toy_files):
    batch = batches(corpus(toy_files, "negatives", placeholder="###")).at(0)
    assert not batch.valid.all()
    assert {tuple(words(batch, place)) for place in batch.negatives[~batch.valid]} == {tuple(tokens("###"))}


def test_an_objective_with_paraphrases_needs_them(toy_files):
    with pytest.raises(InputError, match="folder of the negatives has none") as refused:
        corpus(toy_files, "pairs", paraphrased=True)
    assert "paraphrases" in refused.value.remedy


def test_only_positives_draws_the_positives_of_the_same_pairs_without_their_negatives(toy_files):
    read = corpus(toy_files, "pairs")
    pairs, positives_only = (
        batches(read),
        Batches(read, size=8, seed=0, phase="continued", num_negatives=4, only_positives=True),
    )
    for step in range(4):
        one, other = pairs.at(step), positives_only.at(step)
        assert same_images_and_captions(one, other)
        texts = [[words(each, place) for place in each.positives.flatten()] for each in (one, other)]
        assert texts[0] == texts[1] and one.positives.shape == (8, 2)
        assert one.valid.any() and not other.valid.any()
        assert len(other.book_rows) < len(one.book_rows)
        assert (one.positives_for_others == one.for_others[..., 0]).all()
