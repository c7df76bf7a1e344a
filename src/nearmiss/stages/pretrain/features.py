"""Features of the frozen parts of a model, computed once for all runs: of the store's images, and of texts."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.table_parts import read_parts
from nearmiss.engine.formats.ce_clip import EMPTY
from nearmiss.engine.images.store import IDS, PIXELS, Store
from nearmiss.engine.models.architecture import Architecture
from nearmiss.engine.models.frozen_parts import Cut, TextParts, cut_of
from nearmiss.engine.models.image_features import FEATURES, RECORD, write_image_features
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.models.tokenization import Tokenization
from nearmiss.engine.training.corpus import NEGATIVES, PARAPHRASES, POSITIVES
from nearmiss.engine.training.frozen_features import FIRST, TOKENS, write_text_features
from nearmiss.engine.training.token_book import TokenBook, TokenBookBuilder
from nearmiss.stages.pretrain.config import PretrainConfig
from nearmiss.stages.pretrain.inputs import Run, architecture_of

STORE_FILES = ("image_ids", "pixels")


def run_images(
    *,
    config: PretrainConfig,
    store: Path,
    out: Path,
    state: Path,
    workers: int = 1,
    fingerprint: Path | None = None,
) -> None:
    """Write the features of all images of a store as the folder `out`: features/, features.json, manifest.json.

    Batches are computed by `workers` threads; the output does not depend on their number. An interrupted run resumes
    from the folder `state`. Raises InputError before compute if the frozen part cannot be cached, and OSError if the
    disk has no room.
    """
    cost = Cost()
    target = OutputFolder(out, inputs=[store])
    inputs = verify_inputs({"store/image_ids": Path(store) / IDS, "store/pixels": Path(store) / PIXELS})
    images = Store(store)
    architecture, model, cut, device = _frozen(config)
    if cut.image is None:
        raise InputError("no frozen weight is one of the image tower", record="pretrain.frozen", remedy="add image")
    preprocessing = architecture.config["preprocess_cfg"]
    normalize = Normalization(dict(preprocessing), device)

    def read(rows: np.ndarray) -> Tensor:
        return normalize(torch.from_numpy(images.pixels[rows]).to(device))

    record = _image_record(model, cut, preprocessing, inputs)
    with target as folder:
        write_image_features(
            folder,
            model,
            cut,
            len(images),
            images.side,
            read,
            record=record,
            key=_key(record),
            state=Path(state),
            workers=workers,
        )
        cost.counts = {"images": len(images)}
        cost.write(folder)
        write_manifest(folder, stage="pretrain", fingerprint=fingerprint, inputs=inputs, outputs=[FEATURES, RECORD])
    shutil.rmtree(state, ignore_errors=True)


def run_texts(
    *,
    config: PretrainConfig,
    store: Path,
    captions: Path | None,
    negatives: Path | None,
    out: Path,
    state: Path,
    fingerprint: Path | None = None,
) -> None:
    """Write the hidden states of the texts of table `captions`, or of the folder `negatives`, of the store's images.

    As `run_images`, with tokens.npy and first.npy in addition.
    """
    if (captions is None) == (negatives is None):
        raise InputError("give either captions or negatives", remedy="features of both are in folders of their own")
    cost = Cost()
    target = OutputFolder(out, inputs=[store, captions, negatives])
    ids = Store(store).ids
    files = {"store/image_ids": Path(store) / IDS} | _tables(captions, negatives)
    inputs = verify_inputs(files)
    architecture, model, cut, device = _frozen(config)
    if cut.layers is None:
        raise InputError(
            "no frozen weight is one of the text tower",
            record="pretrain.frozen",
            remedy="add text.transformer.embeddings.*, and text.blocks.0-N",
        )
    book = _book(files, ids, architecture.tokenization)
    record = text_record(architecture, model, cut)
    with target as folder:
        write_text_features(
            folder,
            TextParts(model, cut.layers),
            book,
            model.text.config.hidden_size,
            record=record,
            key=_key({**record, **inputs}),
            state=Path(state),
            device=device,
        )
        cost.counts = {"texts": len(book), "tokens": len(book.tokens)}
        cost.write(folder)
        outputs = [FEATURES, TOKENS, FIRST, RECORD]
        write_manifest(folder, stage="pretrain", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    shutil.rmtree(state, ignore_errors=True)


def image_record(given: Run, model: Any, cut: Cut) -> dict[str, Any]:
    """What the features of the images of a run have to depend on."""
    return _image_record(model, cut, given.architecture.config["preprocess_cfg"], given.hashes)


def text_record(architecture: Architecture, model: Any, cut: Cut) -> dict[str, Any]:
    """What the hidden states of texts have to depend on, beside their tokens."""
    return {"layers": cut.layers, "weights": cut.weights(model, "text"), "pad": architecture.tokenization.pad}


def _image_record(model: Any, cut: Cut, preprocessing: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    of_store = {name: hashes[f"store/{name}"] for name in STORE_FILES}
    return {
        "part": cut.image,
        "weights": cut.weights(model, "image"),
        "preprocessing": dict(preprocessing),
        **of_store,
    }


def _frozen(config: PretrainConfig) -> tuple[Architecture, Any, Cut, torch.device]:
    """The model with its first weights, and its cut."""
    if config.reads_words:
        raise InputError(
            "a small built-in model has no pretrained part that could be cached",
            record="pretrain.cache_frozen",
            remedy="set it to false, or use another model",
        )
    architecture = architecture_of(config.model, None)
    model = architecture.begun(0).eval()
    cut = cut_of(model, config.frozen)
    for tower, found in (("image", cut.image), ("text", cut.layers)):
        if found is not None and not all(map(architecture.is_pretrained, cut.names(model, tower))):
            raise InputError(
                f"the frozen part of the {tower} tower has random weights, which differ from seed to seed",
                record="pretrain.model",
                remedy="give the tower pretrained weights, or set pretrain.cache_frozen to false",
            )
    device = device_of(config.device, key="pretrain.device")
    return architecture, model.to(device), cut, device


def _tables(captions: Path | None, negatives: Path | None) -> dict[str, Path]:
    if negatives is None:
        assert captions is not None
        return {"captions": captions}
    names = {"negatives": NEGATIVES, "negatives/captions": POSITIVES, "negatives/paraphrases": PARAPHRASES}
    files = {name: Path(negatives) / file for name, file in names.items()}
    return {name: file for name, file in files.items() if name == "negatives" or file.is_file()}


_COLUMNS = {
    "captions": ("captions", ("text",)),
    "negatives": ("negatives", ("positive", "negative")),
    "negatives/captions": ("captions", ("text",)),
    "negatives/paraphrases": ("paraphrases", ("positive", "paraphrase")),
}


def _book(files: Mapping[str, Path], ids: list[str], tokenization: Tokenization) -> TokenBook:
    """All different texts of the store's images, and the text that stands for an absent negative."""
    builder = TokenBookBuilder(tokenization)
    builder.add(pl.Series([EMPTY]))
    for texts in _texts(files, ids):
        builder.add(texts)
    return builder.finish()[0]


def _texts(files: Mapping[str, Path], ids: list[str]) -> Iterator[pl.Series]:
    wanted = pl.DataFrame({"image_id": ids})
    for name, (table, columns) in _COLUMNS.items():
        if name in files:
            for part in read_parts(files[name], table, ("image_id", *columns)):
                own = part.join(wanted, on="image_id", how="semi")
                yield from (own[column] for column in columns)


def _key(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
