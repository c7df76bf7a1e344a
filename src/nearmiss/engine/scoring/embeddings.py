"""A checkpoint as a scorer: each unique image and each unique text is encoded once, in fp32.

A checkpoint is a folder that open_clip opens as `local-dir:`. Its own preprocessing and tokenizer are used, and its
activation (QuickGELU or GELU) is read from its configuration and written with every result.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.images.decode import cut, open_image_bytes, open_rgb
from nearmiss.engine.models.checkpoint import open_checkpoint
from nearmiss.engine.models.folder import folder_configuration
from nearmiss.engine.scoring.answers import Crop

Picture = Callable[[], Image.Image]
"""Opens one RGB image: from a file, from bytes, or from pixels that were made once for all models."""


class Embedder:
    """An open_clip model in evaluation mode with its preprocessing and tokenizer."""

    def __init__(self, checkpoint: Path, *, batch: int = 256, threads: int = 1, device: str = "cpu") -> None:
        """Open a checkpoint folder on a device. Raises InputError where it is none or does not load."""
        checkpoint = Path(checkpoint)
        torch.set_num_threads(threads)
        try:
            configuration = folder_configuration(checkpoint)
            self._model, self._preprocess, self._tokenizer = open_checkpoint(checkpoint, device=device)
        except InputError as error:
            raise InputError(
                f"open_clip does not load the checkpoint: {error.problem}",
                file=error.file or checkpoint,
                record=error.record,
                remedy="train it again, or give a folder with open_clip_config.json, weights and tokenizer files",
            ) from None
        self._model.eval()
        self._checkpoint, self._batch, self.device = checkpoint, batch, device
        model: dict[str, Any] = configuration.get("model_cfg", {})
        vision = model.get("vision_cfg", {})
        self.name = str(vision.get("timm_model_name") or f"open_clip {configuration.get('model_name', 'model')}")
        self.activation = "QuickGELU" if model.get("quick_gelu") else "GELU"
        self.preprocessing: dict[str, Any] = configuration.get("preprocess_cfg", {})

    @torch.inference_mode()
    def images(self, pictures: Sequence[Picture], names: Sequence[object]) -> np.ndarray:
        """L2-normalised embeddings (N, D) of pictures, each opened when its batch comes; `names` are for messages."""
        batches = []
        for start in progress(range(0, len(pictures), self._batch), what="encode images"):
            opened = [picture() for picture in pictures[start : start + self._batch]]
            pixels = torch.stack([self._preprocess(image) for image in opened]).to(self.device)
            batches.append(self._model.encode_image(pixels, normalize=True).float().cpu().numpy())
        return self._checked(np.concatenate(batches), "image", names)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """L2-normalised embeddings (N, D) of texts. Texts are batched by length; the order given is kept."""
        order = sorted(range(len(texts)), key=lambda index: (len(texts[index]), texts[index]))
        features: np.ndarray | None = None
        for start in progress(range(0, len(texts), self._batch), what="encode texts"):
            part = order[start : start + self._batch]
            tokens = self._tokenizer([texts[index] for index in part]).to(self.device)
            encoded = self._model.encode_text(tokens, normalize=True).float().cpu().numpy()
            if features is None:
                features = np.empty((len(texts), encoded.shape[1]), dtype=np.float32)
            features[part] = encoded
        assert features is not None
        return self._checked(features, "text", texts)

    def _checked(self, features: np.ndarray, kind: str, names: Sequence[object]) -> np.ndarray:
        """A model that has diverged must not be counted as merely wrong."""
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            raise InputError(
                f"the checkpoint gives an embedding that is not finite for {int((~finite).sum())} of {len(finite)} "
                f"{kind}s",
                file=self._checkpoint,
                record=names[int(np.flatnonzero(~finite)[0])],
                remedy="the training diverged: train again with a lower rate",
            )
        return features


def open_image(file: Path | BytesIO, crop: Crop | None = None) -> Image.Image:
    """Decode an image file to RGB, cut to `crop`. Raises InputError where it is missing or does not decode."""
    image = open_image_bytes(file.getvalue()) if isinstance(file, BytesIO) else open_rgb(file)
    try:
        return cut(image, crop)
    except ValueError as error:
        raise InputError(str(error), file=file, record=crop, remedy="correct the box") from None
