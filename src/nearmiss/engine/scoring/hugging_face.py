"""Models of Hugging Face transformers (CLIP, SigLIP, SigLIP 2, BLIP) as encoders of images and texts, in fp32.

Images go through the model's own image processor, texts through its own tokenizer. Texts of CLIP and BLIP are padded to
the longest of a batch with an attention mask, those of SigLIP to the context that it was trained with, without one.
BLIP has two heads: the contrastive one (ITC) gives embeddings, the matching one (ITM) a logit of each pair.
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
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer, BlipForImageTextRetrieval

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import versions
from nearmiss.engine.models.library_errors import as_input_error
from nearmiss.engine.scoring.encoder import READING, TEXTS, Encoder, OpenImage, finite, in_batches
from nearmiss.engine.scoring.model import HUGGING_FACE

ARCHITECTURES = {
    "clip": "CLIPModel",
    "siglip": "SiglipModel",
    "siglip2": "Siglip2Model",
    "blip": "BlipForImageTextRetrieval",
}
"""The class of each `model_type` that is read."""

_COMPUTED = ("pillow", "tokenizers", "torch", "torchvision", "transformers")
_ACTIVATIONS = {"quick_gelu": "QuickGELU", "gelu": "GELU", "gelu_pytorch_tanh": "GELU (tanh)"}


class HuggingFaceEncoder(Encoder):
    """A dual encoder of transformers, opened. Embeddings are L2-normalized float32."""

    _model_class: Any = AutoModel

    def __init__(self, source: str, config: Any, *, device: str = "cpu", batch_size: int = 64) -> None:
        """`config` is the configuration of the model at `source` (`open_hugging_face`).

        Raises InputError where a part of the model cannot be had, where weights are missing, or where its tokenizer has
        tokens that the model has no embedding for.
        """
        self._source, self._batch_size, self.device = source, batch_size, torch.device(device)
        self._config = config
        self._tokenizer = _opened(AutoTokenizer, source)
        self._processor = _opened(AutoImageProcessor, source)
        model, loading = _opened(self._model_class, source, dtype=torch.float32, output_loading_info=True)
        if loading["missing_keys"]:
            raise InputError(
                f"{len(loading['missing_keys'])} weights of {type(model).__name__} are missing",
                record=f"{source}: {min(loading['missing_keys'])}",
                remedy="give a complete model",
            )
        self.model = model.to(self.device).eval()
        self._padded = config.model_type.startswith("siglip")
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
        features = in_batches(order, TEXTS, lambda rows: self._text_features([ids[row] for row in rows]))
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
        return _normalized(self.model.get_text_features(**self._given_texts(ids)))

    def _image_features(self, pixels: Sequence[Any]) -> np.ndarray:
        return _normalized(self.model.get_image_features(**self._given_images(pixels)))

    def _given_texts(self, ids: list[list[int]]) -> dict[str, Tensor]:
        """What the model reads of texts: their tokens, padded, on its device."""
        padding = {"padding": "max_length", "max_length": self._context} if self._padded else {"padding": True}
        given = self._tokenizer.pad(
            {"input_ids": ids}, return_tensors="pt", return_attention_mask=not self._padded, **padding
        )
        return dict(given.to(self.device))

    def _given_images(self, pixels: Sequence[Any]) -> dict[str, Tensor]:
        """What the model reads of images: the results of `pixels`, together, on its device."""
        return {name: torch.cat([each[name] for each in pixels]).to(self.device) for name in pixels[0]}

    def pixels(self, open_image: OpenImage) -> Any:
        """What the model's image processor makes of an image; None where it does not decode."""
        image = open_image()
        return None if image is None else dict(self._processor(images=image, return_tensors="pt"))


class BlipEncoder(HuggingFaceEncoder):
    """BLIP for retrieval (Li et al., ICML 2022): embeddings of its ITC head, match logits of its ITM head.

    It is a `PairModel` of match.py. The values are those of `BlipForImageTextRetrieval`, which reads an image and a
    text with every pair; here the image encoder runs once an image.
    """

    _model_class = BlipForImageTextRetrieval

    def _text_features(self, ids: list[list[int]]) -> np.ndarray:
        first = self.model.text_encoder(**self._given_texts(ids)).last_hidden_state[:, 0]
        return _normalized(self.model.text_proj(first))

    def _image_features(self, pixels: Sequence[Any]) -> np.ndarray:
        return _normalized(self.model.vision_proj(self.patches(pixels)[:, 0]))

    def patches(self, pixels: Sequence[Any]) -> Tensor:
        """(N, M, C): the last features of N images, those of the class token first."""
        features: Tensor = self.model.vision_model(**self._given_images(pixels)).last_hidden_state
        return features

    def match_logit(self, patches: Tensor, image: Tensor, texts: Sequence[str]) -> Tensor:
        """(P,): log-odds of the ITM head that text p is true of image `image[p]` of `patches`."""
        ids, _ = self._read(texts)
        fused = self.model.text_encoder(**self._given_texts(ids), encoder_hidden_states=patches[image])
        logits: Tensor = self.model.itm_head(fused.last_hidden_state[:, 0])
        return logits[:, 1] - logits[:, 0]


def open_hugging_face(source: str, *, device: str, batch_size: int) -> HuggingFaceEncoder:
    """The encoder of a folder that `save_pretrained` wrote, or of a name on the Hugging Face Hub.

    Raises InputError where the model cannot be had or is of another kind than `ARCHITECTURES`.
    """
    config = _opened(AutoConfig, source)
    known = ARCHITECTURES.get(config.model_type)
    remedy = f"give one of {', '.join(f'{kind} ({name})' for kind, name in ARCHITECTURES.items())}"
    if known is None:
        problem = f"a model of kind '{config.model_type}' is not a dual encoder that is read"
        raise InputError(problem, record=source, remedy=remedy)
    if config.architectures and known not in config.architectures:
        problem = f"{config.architectures[0]} does not compare images and texts"
        raise InputError(problem, record=source, remedy=remedy)
    encoder = BlipEncoder if config.model_type == "blip" else HuggingFaceEncoder
    return encoder(source, config, device=device, batch_size=batch_size)


def _normalized(output: Any) -> np.ndarray:
    """(N, D) of a tower's output, which is a tensor or holds it as `pooler_output`."""
    features = output if isinstance(output, torch.Tensor) else output.pooler_output
    normalized: np.ndarray = torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
    return normalized


def _opened(kind: Any, source: str, **options: Any) -> Any:
    """A part of a model. Of a folder only its own files are read, and code of others is never run."""
    folder = Path(source) if Path(source).is_dir() else None
    remedy = "give a folder with model, tokenizer and image processor as save_pretrained writes them, or connect"
    with as_input_error("the model cannot be had", file=folder, record=source, remedy=remedy):
        return kind.from_pretrained(source, local_files_only=folder is not None, trust_remote_code=False, **options)
