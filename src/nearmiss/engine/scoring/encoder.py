"""Any open_clip model as an encoder of images and texts, in fp32 evaluation mode, with a hash of its computation.

Embeddings equal those of open_clip to 1e-5. Images use its transform and are decoded by a few threads while the model
computes. Texts are packed if the tower supports it (engine/models/text.py), and padded otherwise.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import versions
from nearmiss.engine.models.architecture import named_architecture
from nearmiss.engine.models.attention_pooling import encode_images
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.text import encode_padded, encode_texts, packable
from nearmiss.engine.scoring.model import HUGGING_FACE, Model

OpenImage = Callable[[], Image.Image | None]
"""Opens one RGB image; returns None if it does not decode."""

_DECODERS = 4
TEXTS = 256  # in a batch
READING = 2  # version of the decoding of images and texts; a change invalidates cached embeddings
_COMPUTED = ("open_clip_torch", "pillow", "torch")


class Encoder:
    """A loaded model of open_clip. Embeddings are L2-normalized float32."""

    def __init__(self, name: str, pretrained: str | None, *, device: str = "cpu", batch_size: int = 64) -> None:
        """`name` and `pretrained` as in open_clip. Raises InputError if the model cannot be loaded."""
        self.architecture = named_architecture(name, pretrained)
        self.device, self._batch_size = torch.device(device), batch_size
        self.model: Any = self.architecture.begun(0).float().to(self.device).eval()
        self._transform = image_transform_v2(PreprocessCfg(**self.architecture.config["preprocess_cfg"]), False)
        self._packs = packable(self.model)

    @property
    def name(self) -> str:
        """The name of the model in tables: open_clip's name, or that of the image tower of a checkpoint folder."""
        name = str(self.architecture.name)
        if not name.startswith("local-dir:"):
            return ":".join(filter(None, (name, self.architecture.pretrained)))
        vision = self.architecture.config["model_cfg"].get("vision_cfg", {})
        return str(vision.get("timm_model_name") or "open_clip model")

    @property
    def measurement(self) -> dict[str, Any]:
        """Properties that are recorded with a result: activation, preprocessing, text rule, precision."""
        config = self.architecture.config
        return {
            "name": self.architecture.name,
            "pretrained": self.architecture.pretrained,
            "weights": self.weights,
            "activation": "QuickGELU" if config["model_cfg"].get("quick_gelu") else "GELU",
            "preprocessing": config["preprocess_cfg"],
            "context_length": self.architecture.tokenization.context,
            "precision": "fp32",
            "versions": versions(),
        }

    @cached_property
    def weights(self) -> str:
        """Hash of the weights by name, independent of their file."""
        digest = hashlib.blake2b(digest_size=16)
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def key(self) -> str:
        """Hash of what embeddings depend on: weights, architecture, preprocessing, tokenizer, and the computation.

        The computation is the decoding of images and texts (`READING`), the packages that decode and compute, and the
        device.
        """
        digest = hashlib.blake2b(digest_size=16)
        computed = {name: version for name, version in versions().items() if name in _COMPUTED}
        digest.update(json.dumps([READING, self.device.type, computed], sort_keys=True).encode())
        tokenization = self.architecture.tokenization
        digest.update(json.dumps([tokenization.context, tokenization.pad]).encode())
        digest.update(json.dumps(self.architecture.config, sort_keys=True).encode())
        digest.update(tokenization.tokenizer.to_str().encode())
        digest.update(self.weights.encode())
        return digest.hexdigest()

    @torch.inference_mode()
    def images(self, openers: Sequence[OpenImage]) -> np.ndarray:
        """Embeddings (N, D) of images, which are opened batch by batch; NaN for those that cannot be opened."""
        found = [self._batch_of_images(batch) for batch in self._decoded(openers)]
        width = max((part.shape[1] for part in found), default=0)
        return np.concatenate([part if part.shape[1] else np.full((len(part), width), np.nan) for part in found])

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings (N, D) of texts: packed sorted by tokens, so that common prefixes are computed once; else padded
        sorted by length, so that little padding is computed."""
        tokenization = self.architecture.tokenization
        read = tokenization(texts)
        order = np.lexsort(read.ids.T[::-1]) if self._packs else np.argsort(read.lengths, kind="stable")

        def features(rows: np.ndarray) -> np.ndarray:
            lengths = read.lengths[rows]
            given = Texts(torch.from_numpy(read.ids[rows, : lengths.max()].astype(np.int64)), torch.from_numpy(lengths))
            packed = encode_texts(self.model, pack(given)) if self._packs else None
            part = packed if packed is not None else encode_padded(self.model, given, tokenization.pad)
            found: np.ndarray = part.float().cpu().numpy()
            return found

        return finite(in_batches(order, TEXTS, features), texts)

    def tokens(self, texts: Sequence[str]) -> np.ndarray:
        """(N, 33) uint8: the SHA-256 of each text's tokens, and 1 if the text is truncated."""
        read = self.architecture.tokenization(texts)
        found = np.zeros((len(texts), 33), dtype=np.uint8)
        for row, length in enumerate(read.lengths):
            found[row, :-1] = np.frombuffer(hashlib.sha256(read.ids[row, :length].tobytes()).digest(), dtype=np.uint8)
        found[:, -1] = read.cut
        return found

    def _image_features(self, pixels: Sequence[Any]) -> np.ndarray:
        """Embeddings (N, D) of the results of `pixels`."""
        given = torch.stack(list(pixels)).to(self.device)
        features: np.ndarray = F.normalize(encode_images(self.model, given), dim=-1).float().cpu().numpy()
        return features

    def _batch_of_images(self, batch: Sequence[Any]) -> np.ndarray:
        decoded = [row for row, pixels in enumerate(batch) if pixels is not None]
        if not decoded:
            return np.empty((len(batch), 0), dtype=np.float32)
        features = self._image_features([batch[row] for row in decoded])
        found = np.full((len(batch), features.shape[1]), np.nan, dtype=np.float32)
        found[decoded] = finite(features, [f"image {row} of its batch" for row in decoded])
        return found

    def _decoded(self, openers: Sequence[OpenImage]) -> Iterator[list[Any]]:
        """Batches of pixels; the next one is decoded while the model computes."""
        with ThreadPoolExecutor(_DECODERS) as pool:

            def batch(start: int) -> list[Any]:
                return [pool.submit(self.pixels, opener) for opener in openers[start : start + self._batch_size]]

            ahead = batch(0)
            for start in range(self._batch_size, len(openers) + self._batch_size, self._batch_size):
                now, ahead = ahead, batch(start)
                yield [future.result() for future in now]

    def pixels(self, open_image: OpenImage) -> Any:
        """What the model reads of an image; None where it does not decode."""
        image = open_image()
        return None if image is None else self._transform(image)


def open_encoder(model: Model, *, device: str = "cpu", batch_size: int = 64) -> Encoder:
    """The encoder of a model, of open_clip or of transformers. Raises InputError if it cannot be loaded."""
    if not model.name.startswith(HUGGING_FACE):
        return Encoder(model.name, model.pretrained, device=device, batch_size=batch_size)
    from nearmiss.engine.scoring.hugging_face import open_hugging_face

    return open_hugging_face(model.name.removeprefix(HUGGING_FACE), device=device, batch_size=batch_size)


def in_batches(order: np.ndarray, size: int, encode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Embeddings (N, D) of N texts, whose rows `encode` takes in the given `order` (N,), `size` of them at a time."""
    found = [encode(order[start : start + size]) for start in range(0, len(order), size)]
    if not found:
        return np.empty((0, 0), dtype=np.float32)
    features = np.empty((len(order), found[0].shape[1]), dtype=np.float32)
    features[order] = np.concatenate(found)
    return features


def finite(features: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Raise InputError for embeddings of a diverged model, which must not be scored."""
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise InputError(
            f"the model returns an embedding that is not finite for {int((~finite).sum())} of {len(finite)}",
            record=names[int(np.flatnonzero(~finite)[0])],
            remedy="give weights that did not diverge",
        )
    return features
