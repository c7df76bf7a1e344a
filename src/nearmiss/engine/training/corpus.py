"""The data of a training run: the images' captions and the arm's negatives, converted from tables to arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_caption_set, read_table
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.tokenization import TextBook, Tokenization, text_book

NEGATIVES, POSITIVES, PARAPHRASES = "negatives.parquet", "captions.parquet", "paraphrases.parquet"

# Statements of these concepts are true of many other images, so they are negatives only of their own image.
OWN_ONLY = ("count", "existence", "logic")


@dataclass(frozen=True)
class NegativeTable:
    """Negatives in groups: group g has rows first[g] to first[g + 1]. Texts are rows of the text book.

    A group is a caption, or an image if the method writes its own positives (`paired`).
    """

    paired: bool
    first: np.ndarray  # (groups + 1,) int64
    positives: np.ndarray  # (rows,) int64
    negatives: np.ndarray  # (rows,) int64
    for_others: np.ndarray  # (rows,) bool: may be a negative of other images too
    kinds: np.ndarray  # (rows,) int64, indices into `types`
    types: tuple[str, ...]


@dataclass(frozen=True)
class Paraphrases:
    """Paraphrases: those of row t of the text book are texts[first[t]] to texts[first[t + 1]]."""

    first: np.ndarray  # (rows of the book + 1,) int64
    texts: np.ndarray  # (paraphrases,) int64, rows of the text book


@dataclass(frozen=True)
class Corpus:
    """Images that have captions, sorted by id: image i has captions first[i] to first[i + 1]."""

    rows: np.ndarray  # (images,) int64, rows of the store
    first: np.ndarray  # (images + 1,) int64
    captions: np.ndarray  # (captions,) int64, rows of the text book
    book: TextBook
    negative_table: NegativeTable | None
    paraphrases: Paraphrases | None = None
    placeholder: int | None = None  # row of the text book for an absent negative, if requested
    weights: np.ndarray | None = None  # (captions,) float64, sampling weights; None for equal weights

    def __len__(self) -> int:
        return len(self.rows)


def read_corpus(
    *,
    store: Store,
    captions: Path,
    caption_set: str | None = None,
    negatives: Path | None,
    verdicts: Sequence[str],
    tokenization: Tokenization,
    paraphrased: bool = False,
    placeholder: str | None = None,
    sources: Mapping[str, float] | None = None,
) -> Corpus:
    """Read the captions of the store's images and, if a folder is given, their negatives with one of the verdicts.

    With `paraphrased`, the paraphrases in the folder of the negatives are also read; a text `placeholder` is added to
    the book. `sources` has weights of captions by source, 1 by default. Images without a caption are skipped, as are
    captions and negatives of images outside of the store. Raises InputError if nothing is left, if the negatives were
    made of other captions, or if no caption has a given source.
    """
    own = _captions(captions, caption_set, store)
    found = None if negatives is None else _negatives(Path(negatives), own, verdicts, store)
    texts = own["text"].to_list() + ([] if placeholder is None else [placeholder])
    paraphrases_of = _paraphrases(Path(negatives), own) if paraphrased and negatives is not None else None
    if paraphrases_of is not None:
        texts += paraphrases_of["positive"].to_list() + paraphrases_of["paraphrase"].to_list()
    if found is not None:
        texts += found["positive"].to_list() + found["negative"].to_list()
    book = text_book(texts, tokenization)
    images = own["image_id"].unique(maintain_order=True).to_list()
    negative_table = None
    if found is not None:
        paired = has_positives(negatives, own)
        owner, groups = ("image_id", images) if paired else ("caption_id", own["caption_id"].to_list())
        negative_table = _negative_table(found, owner, groups, book, paired)
    return Corpus(
        rows=np.array([store.row(image_id) for image_id in images], dtype=np.int64),
        first=_first(own["image_id"], images),
        captions=book.numbers(own["text"]),
        book=book,
        negative_table=negative_table,
        paraphrases=None if paraphrases_of is None else _by_text(paraphrases_of, book),
        placeholder=None if placeholder is None else book.number[placeholder],
        weights=_weights(own["source"], sources, captions) if sources else None,
    )


def has_positives(negatives: Path | None, own: pl.DataFrame) -> bool:
    """Whether a method wrote its own positives: captions whose source is the method and which are not in `own`.

    `negatives` is the method's folder, `own` the table of the images' own captions.
    """
    if negatives is None or not (Path(negatives) / POSITIVES).is_file():
        return False
    methods = read_table(Path(negatives) / NEGATIVES, "negatives")["method"].unique().to_list()
    written = read_table(Path(negatives) / POSITIVES, "captions").filter(pl.col("source").is_in(methods))
    return not written.join(own.select("caption_id"), on="caption_id", how="anti").is_empty()


def _captions(file: Path, caption_set: str | None, store: Store) -> pl.DataFrame:
    """The store's captions of the set, sorted by image and caption id."""
    frame = read_caption_set(file, caption_set)
    if frame.is_empty():
        raise InputError("there are no captions", file=file, remedy="run stage data with images in split train")
    own = frame.filter(pl.col("image_id").is_in(store.ids)).sort("image_id", "caption_id")
    if own.is_empty():
        raise InputError(
            "no caption belongs to an image of the store",
            file=file,
            record=f"first image of the store: {store.ids[0] if store.ids else 'none'}",
            remedy="create the store from the images of these captions",
        )
    repeated = own.filter(pl.col("caption_id").is_duplicated())
    if not repeated.is_empty():
        raise InputError(
            "two captions have one id", file=file, record=repeated["caption_id"][0], remedy="make the table again"
        )
    return own


def _weights(source: pl.Series, sources: Mapping[str, float], file: Path) -> np.ndarray:
    """(captions,) float64"""
    there = set(source.unique())
    for name in sources:
        if name not in there:
            raise InputError(
                f"no caption is of source {name!r}",
                file=file,
                record=f"sources: {', '.join(map(str, sorted(there)))}",
                remedy="correct pretrain.sources",
            )
    return np.array([sources.get(name, 1.0) for name in source], dtype=np.float64)


def _negatives(folder: Path, own: pl.DataFrame, verdicts: Sequence[str], store: Store) -> pl.DataFrame:
    """The negatives of the store's images, sorted by id."""
    file = folder / NEGATIVES
    frame = read_table(file, "negatives")
    if not has_positives(folder, own):
        frame = _of_captions(frame, own, store, file)
    frame = frame.filter(pl.col("image_id").is_in(own["image_id"].unique().to_list()))
    used = frame.filter(pl.col("verdict").is_in(list(verdicts)))
    if used.is_empty():
        raise InputError(
            f"none of {frame.height} negatives of the store's images has the verdict {' or '.join(verdicts)}",
            file=file,
            remedy="generate negatives of the captions that this run trains on, or allow more verdicts",
        )
    return used.sort("negative_id")


def _paraphrases(folder: Path, own: pl.DataFrame) -> pl.DataFrame:
    """Unique pairs (positive, paraphrase) of the training images, sorted."""
    file = folder / PARAPHRASES
    if not file.is_file():
        raise InputError(
            "the objective needs paraphrases, but the folder of the negatives has none",
            file=file,
            record="negatives.paraphrases",
            remedy="list operators in negatives.paraphrases and generate the negatives again",
        )
    frame = read_table(file, "paraphrases")
    frame = frame.filter(pl.col("image_id").is_in(own["image_id"].unique().to_list()))
    if frame.is_empty():
        raise InputError(
            "no training text has a paraphrase", file=file, remedy="add operators to negatives.paraphrases"
        )
    return frame.select("positive", "paraphrase").unique().sort("positive", "paraphrase")


def _by_text(frame: pl.DataFrame, book: TextBook) -> Paraphrases:
    """Paraphrases grouped by the row of their text in the book."""
    positives_of, paraphrases_of = book.numbers(frame["positive"]), book.numbers(frame["paraphrase"])
    order = np.lexsort((paraphrases_of, positives_of))
    counted = np.bincount(positives_of, minlength=len(book.ids))
    return Paraphrases(np.concatenate([[0], np.cumsum(counted)]), paraphrases_of[order])


def _of_captions(frame: pl.DataFrame, own: pl.DataFrame, store: Store, file: Path) -> pl.DataFrame:
    """Check that the negatives of the store's images were made of these captions."""
    ours = frame.filter(pl.col("image_id").is_in(store.ids))
    joined = ours.join(own.select("caption_id", "text"), on="caption_id", how="left")
    strange = joined.filter(pl.col("text").is_null() | (pl.col("text") != pl.col("positive")))
    if not strange.is_empty():
        raise InputError(
            "a negative was made of a caption that is not given",
            file=file,
            record=strange["negative_id"][0],
            remedy="generate the negatives again from the captions that this run trains on",
        )
    return ours


def _negative_table(frame: pl.DataFrame, owner: str, groups: list[str], book: TextBook, paired: bool) -> NegativeTable:
    """Negatives grouped by their owner, in the order of `groups`; sorted by id within a group."""
    place = pl.DataFrame({owner: groups, "place": range(len(groups))})
    frame = frame.join(place, on=owner, how="inner").sort("place", "negative_id")
    types = tuple(sorted(frame["type"].fill_null("").unique().to_list()))
    return NegativeTable(
        paired=paired,
        first=_first(frame[owner], groups),
        positives=book.numbers(frame["positive"]),
        negatives=book.numbers(frame["negative"]),
        for_others=~frame["concept"].is_in(OWN_ONLY).fill_null(False).to_numpy(),
        kinds=np.array([types.index(name) for name in frame["type"].fill_null("")], dtype=np.int64),
        types=types,
    )


def _first(owners: pl.Series, groups: list[str]) -> np.ndarray:
    """The offset of each group and the end of the last one: (groups + 1,) int64."""
    counted = dict(owners.value_counts().iter_rows())
    sizes = [counted.get(group, 0) for group in groups]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
