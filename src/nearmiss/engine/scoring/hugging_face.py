"""Dual encoders of Hugging Face transformers (CLIP, SigLIP, SigLIP 2) as encoders of images and texts, in fp32.

Images go through the model's own image processor, texts through its own tokenizer. CLIP's texts are padded to the
longest of a batch with an attention mask, SigLIP's to the context that it was trained with, without one.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import versions
from nearmiss.engine.models.weights import in_one_line
from nearmiss.engine.scoring.encoder import READING, Encoder, OpenImage, finite
from nearmiss.engine.scoring.model import HUGGING_FACE

KINDS = ("clip", "siglip", "siglip2")
"""`model_type` of the configurations that are read."""

_TEXTS = 256  # in a batch
_COMPUTED = ("pillow", "tokenizers", "torch", "torchvision", "transformers")
_ACTIVATIONS = {"quick_gelu": "QuickGELU", "gelu": "GELU", "gelu_pytorch_tanh": "GELU (tanh)"}


class HuggingFaceEncoder(Encoder):
    """A dual encoder of transformers, opened. Embeddings are L2-normalized float32."""

    def __init__(self, source: str, *, device: str = "cpu", batch_size: int = 64) -> None:
        """`source` is a folder that `save_pretrained` wrote, or a name on the Hugging Face Hub.

        Raises InputError where the model cannot be had, is of another kind than `KINDS`, or where its tokenizer has
        tokens that the model has no embedding for.
        """
        self._source, self._batch_size, self.device = source, batch_size, torch.device(device)
        self._config = _opened(AutoConfig, source)
        if self._config.model_type not in KINDS:
            raise InputError(
                f"a model of kind '{self._config.model_type}' is not a dual encoder that is read",
                record=source,
                remedy=f"give a model of kind {', '.join(KINDS)}",
            )
        self._tokenizer = _opened(AutoTokenizer, source)
        self._processor = _opened(AutoImageProcessor, source)
        self.model = _opened(AutoModel, source, dtype=torch.float32).to(self.device).eval()
        self._padded = self._config.model_type != "clip"
        self._context = int(self._config.text_config.max_position_embeddings)
        if len(self._tokenizer) > self._config.text_config.vocab_size:
            raise InputError(
                f"the tokenizer has {len(self._tokenizer)} tokens, the model {self._config.text_config.vocab_size}",
                record=source,
                remedy="give a tokenizer and a model that belong together",
            )

    @property
    def name(self) -> str:
        """What rows of tables call the model: its name on the hub, or the class of a model in a folder."""
        return type(self.model).__name__ if Path(self._source).is_dir() else f"{HUGGING_FACE}{self._source}"

    @property
    def measurement(self) -> dict[str, Any]:
        """What a result must state: activation, preprocessing, text rule, precision."""
        activation = self._config.vision_config.hidden_act
        return {
            "name": f"{HUGGING_FACE}{self._source}",
            "pretrained": None,
            "weights": self.weights,
            "activation": _ACTIVATIONS.get(activation, activation),
            "preprocessing": json.loads(self._processor.to_json_string()),
            "context_length": self._context,
            "precision": "fp32",
            "versions": versions() | {name: version(name) for name in _COMPUTED},
        }

    def key(self) -> str:
        """Hash of what embeddings depend on: weights, configuration, preprocessing, tokenizer, and the computation."""
        return self._key

    @cached_property
    def _key(self) -> str:
        computed = {name: version(name) for name in _COMPUTED}
        tokenizer = self._tokenizer
        read = [
            self._context,
            self._padded,
            tokenizer.model_input_names,
            tokenizer.pad_token_id,
            tokenizer.padding_side,
        ]
        backend = getattr(tokenizer, "backend_tokenizer", None)
        parts = [READING, self.device.type, computed, self._config.to_json_string(), self._processor.to_json_string()]
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps([*parts, read], sort_keys=True).encode())
        words = sorted(tokenizer.get_vocab().items()) if backend is None else backend.to_str()
        digest.update(json.dumps(words).encode())
        digest.update(self.weights.encode())
        return digest.hexdigest()

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) of texts, those of equal length together."""
        ids, _ = self._read(texts)
        order = np.argsort([len(row) for row in ids], kind="stable")
        found = [
            self._text_features([ids[row] for row in order[at : at + _TEXTS]]) for at in range(0, len(order), _TEXTS)
        ]
        if not found:
            return np.empty((0, 0), dtype=np.float32)
        features = np.empty((len(texts), found[0].shape[1]), dtype=np.float32)
        features[order] = np.concatenate(found)
        return finite(features, texts)

    def tokens(self, texts: Sequence[str]) -> np.ndarray:
        """(N, 33) uint8: the SHA-256 of each text's tokens, as the model reads them, and 1 where the text is cut."""
        found = np.zeros((len(texts), 33), dtype=np.uint8)
        for row, (ids, cut) in enumerate(zip(*self._read(texts), strict=True)):
            content = np.asarray(ids, dtype=np.int32).tobytes()
            found[row, :-1] = np.frombuffer(hashlib.sha256(content).digest(), dtype=np.uint8)
            found[row, -1] = cut
        return found

    def _read(self, texts: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """Tokens of each text without padding, and whether it was cut to the context."""
        if not texts:
            return [], []
        whole = self._tokenizer(list(texts), truncation=False, padding=False, verbose=False)["input_ids"]
        ids = self._tokenizer(list(texts), truncation=True, max_length=self._context, padding=False)["input_ids"]
        return ids, [len(row) > self._context for row in whole]

    def _text_features(self, ids: list[list[int]]) -> np.ndarray:
        padding = {"padding": "max_length", "max_length": self._context} if self._padded else {"padding": True}
        given = self._tokenizer.pad(
            {"input_ids": ids}, return_tensors="pt", return_attention_mask=not self._padded, **padding
        )
        return _normalized(self.model.get_text_features(**given.to(self.device)))

    def _image_features(self, pixels: Sequence[Any]) -> np.ndarray:
        given = {name: torch.cat([each[name] for each in pixels]).to(self.device) for name in pixels[0]}
        return _normalized(self.model.get_image_features(**given))

    def _pixels(self, open_image: OpenImage) -> Any:
        image = open_image()
        return None if image is None else dict(self._processor(images=image, return_tensors="pt"))


def _normalized(output: Any) -> np.ndarray:
    """(N, D) of a tower's output, which is a tensor or holds it as `pooler_output`."""
    features = output if isinstance(output, torch.Tensor) else output.pooler_output
    normalized: np.ndarray = torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
    return normalized


def _opened(kind: Any, source: str, **options: Any) -> Any:
    """A part of a model. Of a folder only its own files are read, and code of others is never run."""
    folder = Path(source) if Path(source).is_dir() else None
    try:
        return kind.from_pretrained(source, local_files_only=folder is not None, trust_remote_code=False, **options)
    except Exception as error:  # whatever the files, the network and the hub raise
        raise InputError(
            f"the model cannot be had: {in_one_line(error)}",
            file=folder,
            record=source,
            remedy="give a folder with model, tokenizer and image processor as save_pretrained writes them, or connect",
        ) from None
