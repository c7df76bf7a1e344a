"""The data of a training run: the images' captions and the arm's negatives, converted from tables to arrays.

Tables are read in parts, and texts are tokenized part by part (token_book.py), so that memory holds ids and tokens, and
no table of texts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.caption_sets import read_caption_parts
from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import read_parts
from nearmiss.base.tables import read_table
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.tokenization import Tokenization
from nearmiss.engine.training.token_book import TokenBook, TokenBookBuilder

NEGATIVES, POSITIVES, PARAPHRASES = "negatives.parquet", "captions.parquet", "paraphrases.parquet"
DRAWN_WITH = "drawn_with.parquet"

# Statements of these concepts are true of many other images, so they are negatives only of their own image.
OWN_ONLY = ("count", "existence", "logic")


@dataclass(frozen=True)
class NegativeTable:
    """Negatives in groups: group g has rows first[g] to first[g + 1]. Texts are rows of the token book.

    A group is a caption, or an image if the method writes its own positives (`paired`); in a matched set, in which each
    negative is drawn with a caption, always a caption (`of_captions`).
    """

    paired: bool
    of_captions: bool
    first: np.ndarray  # (groups + 1,) int64
    positives: np.ndarray  # (rows,) int32
    negatives: np.ndarray  # (rows,) int32
    for_others: np.ndarray  # (rows,) bool: may be a negative of other images too
    kinds: np.ndarray  # (rows,) int32, indices into `types`
    types: tuple[str, ...]


@dataclass(frozen=True)
class Paraphrases:
    """Paraphrases: those of row t of the text book are texts[first[t]] to texts[first[t + 1]]."""

    first: np.ndarray  # (rows of the book + 1,) int64
    texts: np.ndarray  # (paraphrases,) int32, rows of the token book


@dataclass(frozen=True)
class Corpus:
    """Images that have captions, sorted by id: image i has captions first[i] to first[i + 1]."""

    rows: np.ndarray  # (images,) int64, rows of the store
    first: np.ndarray  # (images + 1,) int64
    captions: np.ndarray  # (captions,) int32, rows of the token book
    book: TokenBook
    negative_table: NegativeTable | None
    paraphrases: Paraphrases | None = None
    placeholder: int | None = None  # row of the token book for an absent negative, if requested
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
    strings: bool = False,
    inspect: Callable[[Iterable[str]], None] | None = None,
) -> Corpus:
    """Read the captions of the store's images and, if a folder is given, their negatives with one of the verdicts.

    With `paraphrased`, the paraphrases in the folder of the negatives are also read; a text `placeholder` is added to
    the book. `sources` has weights of captions by source, 1 by default. With `strings`, the book keeps a text of each
    row; `inspect` is called with all texts, in parts. Images without a caption are skipped, as are captions and
    negatives of images outside of the store. Raises InputError if nothing is left, if the negatives were made of other
    captions, or if no caption has a given source.
    """
    texts = _Texts(TokenBookBuilder(tokenization, strings=strings), inspect)
    own = _captions(captions, caption_set, store, texts)
    absent = None if placeholder is None else int(texts.add(pl.Series([placeholder]))[0])
    paraphrases = _paraphrases(Path(negatives), own, texts) if paraphrased and negatives is not None else None
    paired = has_positives(negatives, own)
    used = None if negatives is None else _negatives(Path(negatives), own, paired, verdicts, store, texts)
    book, rows = texts.builder.finish()
    first = _first(own["image"].to_numpy(), own["image"].n_unique())
    captions_of = rows[own["added"].to_numpy()]
    return Corpus(
        rows=own["row"].to_numpy()[first[:-1]].astype(np.int64),
        first=first,
        captions=captions_of,
        book=book,
        negative_table=None
        if used is None
        else _negative_table(used, rows, captions_of, len(first) - 1, paired, _of_captions(negatives, paired)),
        paraphrases=None if paraphrases is None else _by_text(paraphrases, rows, len(book)),
        placeholder=None if absent is None else int(rows[absent]),
        weights=_weights(own["source"], sources, captions) if sources else None,
    )


@dataclass(frozen=True)
class _Texts:
    """Adds texts to a book, and shows them to `inspect`."""

    builder: TokenBookBuilder
    inspect: Callable[[Iterable[str]], None] | None

    def add(self, texts: pl.Series) -> np.ndarray:
        """Numbers of the added texts (T,); see `TokenBookBuilder.add`."""
        if self.inspect is not None:
            self.inspect(texts.unique(maintain_order=True).to_list())
        return self.builder.add(texts)


def has_positives(negatives: Path | None, own: pl.DataFrame) -> bool:
    """Whether a method wrote its own positives: captions whose source is the method and which are not in `own`.

    `negatives` is the method's folder, `own` has the ids of the images' own captions.
    """
    if negatives is None or not (Path(negatives) / POSITIVES).is_file():
        return False
    methods: set[str | None] = set()
    for part in read_parts(Path(negatives) / NEGATIVES, "negatives", ("method",)):
        methods.update(part["method"].unique())
    for part in read_parts(Path(negatives) / POSITIVES, "captions", ("caption_id", "source")):
        written = part.filter(pl.col("source").is_in(list(methods)))
        if not written.join(own.select("caption_id"), on="caption_id", how="anti").is_empty():
            return True
    return False


def _captions(file: Path, caption_set: str | None, store: Store, texts: _Texts) -> pl.DataFrame:
    """The store's captions of the set, sorted by image and caption id.

    `row` is the image's row of the store, `image` its number among those with captions, `caption` that of the caption,
    `added` the number of the text and `text` its hash, which identifies equal texts within this process.
    """
    known = pl.DataFrame({"image_id": store.ids, "row": range(len(store))}, schema_overrides={"row": pl.UInt32})
    found, total = [], 0
    for part in read_caption_parts(file, caption_set, ("caption_id", "image_id", "source", "text")):
        total += part.height
        ours = part.join(known, on="image_id", how="inner", maintain_order="left")
        added = pl.Series("added", texts.add(ours["text"]), dtype=pl.UInt32)
        found.append(ours.with_columns(added, text=pl.col("text").hash()))
    if not total:
        raise InputError("there are no captions", file=file, remedy="run stage data with images in split train")
    own = pl.concat(found).sort("image_id", "caption_id")
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
    return own.with_columns(
        image=(pl.col("image_id") != pl.col("image_id").shift(1)).fill_null(False).cum_sum(),
        caption=pl.int_range(pl.len(), dtype=pl.UInt32),
    )


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


def _negatives(
    folder: Path, own: pl.DataFrame, paired: bool, verdicts: Sequence[str], store: Store, texts: _Texts
) -> pl.DataFrame:
    """The negatives of the images, sorted by group and id.

    `group` is the number of their caption or, if `paired`, of their image (of the caption in DRAWN_WITH, if that file
    exists); `negative` and, if `paired`, `positive` are the numbers of the texts.
    """
    file = folder / NEGATIVES
    images = own.select("image_id").unique() if paired else pl.DataFrame({"image_id": store.ids})
    if not paired:
        owners = own.select("caption_id", "text", group="caption")
    elif _of_captions(folder, paired):
        drawn_with = read_table(folder / DRAWN_WITH, "drawn_with")
        owners = drawn_with.join(own.select("caption_id", group="caption"), on="caption_id").drop("caption_id")
    else:
        owners = own.select("image_id", group="image").unique()
    columns = ("negative_id", "caption_id", "image_id", "positive", "negative", "verdict", "concept", "type")
    found, total = [], 0
    for part in read_parts(file, "negatives", columns):
        ours = part.join(images, on="image_id", how="semi", maintain_order="left")
        ours = ours.join(owners, on=owners.columns[0], how="left", maintain_order="left")
        _check_positives(ours, file, paired)
        total += ours.height
        ours = ours.filter(pl.col("verdict").is_in(list(verdicts)))
        negative = pl.Series("negative", texts.add(ours["negative"]), dtype=pl.UInt32)
        positive = pl.Series("positive", texts.add(ours["positive"]), dtype=pl.UInt32) if paired else pl.lit(0)
        for_others = ~pl.col("concept").is_in(OWN_ONLY).fill_null(False)
        kind = pl.col("type").fill_null("").cast(pl.Categorical)
        found.append(ours.select("group", "negative_id", negative, positive, for_others=for_others, kind=kind))
    used = pl.concat(found) if found else pl.DataFrame()
    if used.is_empty():
        raise InputError(
            f"none of {total} negatives of the store's images has the verdict {' or '.join(verdicts)}",
            file=file,
            remedy="generate negatives of the captions that this run trains on, or allow more verdicts",
        )
    return used.sort("group", "negative_id").drop("negative_id")


def _of_captions(folder: Path | None, paired: bool) -> bool:
    """Whether negatives are drawn with a caption: those of captions, and pairs of a matched set."""
    return not paired or (folder is not None and (folder / DRAWN_WITH).is_file())


def _check_positives(ours: pl.DataFrame, file: Path, paired: bool) -> None:
    """Check that the negatives of the store's images were made of these captions, or are drawn with them."""
    strange = ours.filter(pl.col("group").is_null())
    if not paired:
        strange = ours.filter(pl.col("text").is_null() | (pl.col("text") != pl.col("positive").hash()))
    if not strange.is_empty():
        raise InputError(
            "a negative was made of a caption that is not given",
            file=file,
            record=strange["negative_id"][0],
            remedy="generate the negatives again from the captions that this run trains on",
        )


def _paraphrases(folder: Path, own: pl.DataFrame, texts: _Texts) -> pl.DataFrame:
    """Unique pairs (positive, paraphrase) of the training images, as the numbers of the texts."""
    file = folder / PARAPHRASES
    if not file.is_file():
        raise InputError(
            "the objective needs paraphrases, but the folder of the negatives has none",
            file=file,
            record="negatives.paraphrases",
            remedy="generate the negatives again, with operators in negatives.paraphrases",
        )
    found = []
    for part in read_parts(file, "paraphrases", ("image_id", "positive", "paraphrase")):
        ours = part.join(own, on="image_id", how="semi", maintain_order="left").drop("image_id")
        numbers = {name: pl.Series(texts.add(ours[name]), dtype=pl.UInt32) for name in ours.columns}
        hashes = {f"{name}_hash": ours[name].hash() for name in ours.columns}
        found.append(pl.DataFrame({**numbers, **hashes}))
    pairs = pl.concat(found) if found else pl.DataFrame()
    if pairs.is_empty():
        raise InputError(
            "no training text has a paraphrase", file=file, remedy="add operators to negatives.paraphrases"
        )
    return pairs.unique(["positive_hash", "paraphrase_hash"])


def _by_text(pairs: pl.DataFrame, rows: np.ndarray, count: int) -> Paraphrases:
    """Paraphrases grouped by the row of their text among the `count` rows of the book."""
    positives_of, paraphrases_of = rows[pairs["positive"].to_numpy()], rows[pairs["paraphrase"].to_numpy()]
    order = np.lexsort((paraphrases_of, positives_of))
    return Paraphrases(_first(positives_of, count), paraphrases_of[order])


def _negative_table(
    used: pl.DataFrame, rows: np.ndarray, captions: np.ndarray, images: int, paired: bool, of_captions: bool
) -> NegativeTable:
    """Negatives grouped by their owner; sorted by id within a group."""
    group, names = used["group"].to_numpy(), used["kind"].unique().cast(pl.String).to_list()
    types = tuple(sorted(names))
    return NegativeTable(
        paired=paired,
        of_captions=of_captions,
        first=_first(group, len(captions) if of_captions else images),
        positives=rows[used["positive"].to_numpy()] if paired else captions[group],
        negatives=rows[used["negative"].to_numpy()],
        for_others=used["for_others"].to_numpy(),
        kinds=used["kind"].cast(pl.Enum(types)).to_physical().to_numpy().astype(np.int32),
        types=types,
    )


def _first(groups: np.ndarray, count: int) -> np.ndarray:
    """The offset of each of `count` groups and the end of the last one: (count + 1,) int64."""
    return np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=count))]).astype(np.int64)
