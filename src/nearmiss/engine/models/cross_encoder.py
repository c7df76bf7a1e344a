"""A cross-encoder: a dual encoder as open_clip has it, and a fusion that compares an image and a text in detail.

The dual part gives embeddings as before and stays an open_clip model of its own; the fusion reads the towers' last
features, one a patch and one a token, and classifies whether the text of a pair is true of the image (ALBEF, Li et al.,
NeurIPS 2021, section 3.1; the kind of model that HNC and CE-XVLM train).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip import CLIP
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, write_json
from nearmiss.base.seeding import derive
from nearmiss.engine.models import weights
from nearmiss.engine.models.attention_pooling import head_output
from nearmiss.engine.models.checkpoint import open_checkpoint
from nearmiss.engine.models.evaluation_mode import evaluation_mode
from nearmiss.engine.models.folder import FUSION_CONFIG, FUSION_WEIGHTS
from nearmiss.engine.models.fusion import Fusion
from nearmiss.engine.models.packing import Packed, Texts
from nearmiss.engine.models.text import (
    encode_states,
    encode_tokens,
    has_token_features,
    text_tower,
    token_flops,
    token_width,
)
from nearmiss.engine.models.towers import NearmissConv

FUSION_FILES = (FUSION_CONFIG, FUSION_WEIGHTS)
_SHAPE = ("width", "heads", "layers", "text_width", "patch_width", "patches")
_LARGEST = 2**16  # of a size in a file
_AGAIN = "train the checkpoint again"


@dataclass(frozen=True)
class EncodedImages:
    """N images as a dual encoder and as a fusion see them."""

    embeddings: Tensor  # (N, D) float32, L2-normalized
    patches: Tensor  # (N, M, C)


@dataclass(frozen=True)
class EncodedTexts:
    """U texts as a dual encoder and as a fusion see them."""

    embeddings: Tensor  # (U, D) float32, L2-normalized
    tokens: Tensor  # (U, L, W)
    lengths: Tensor  # (U,) int64


class CrossEncoder(nn.Module):
    """open_clip towers (`dual`) and a `fusion` of their features."""

    def __init__(self, dual: CLIP, fusion: Fusion) -> None:
        super().__init__()
        self.dual, self.fusion = dual, fusion

    def images(self, pixels: Tensor) -> EncodedImages:
        """Of normalized pixels (N, 3, S, S)."""
        embeddings, patches = encode_patches(self.dual.visual, pixels)
        return EncodedImages(F.normalize(embeddings.float(), dim=-1), patches)

    def images_behind(self, grid: Tensor) -> EncodedImages:
        """Of the features (N, C, H, W) of a timm trunk."""
        embeddings, patches = read_grid(self.dual.visual, grid)
        return EncodedImages(F.normalize(embeddings.float(), dim=-1), patches)

    def texts(self, given: Packed | Texts) -> EncodedTexts:
        """Of packed texts, in the order of the texts, or of padded ones where the tower masks padding."""
        if isinstance(given, Packed):
            return EncodedTexts(*encode_tokens(self.dual, given))
        device = self.dual.logit_scale.device
        embeddings, states = encode_states(text_tower(self.dual), given.tokens.to(device))
        return EncodedTexts(F.normalize(embeddings.float(), dim=-1), states, given.lengths.to(device))

    def forward(self, pixels: Tensor, packed: Packed | Texts) -> tuple[Tensor, Tensor]:
        """Embeddings (N, D) and (U, D), as from the dual encoder."""
        return self.images(pixels).embeddings, self.texts(packed).embeddings

    def match_logits(self, images: EncodedImages, texts: EncodedTexts, image: Tensor, text: Tensor) -> Tensor:
        """(P, 2) float32, no match first, of pairs of an image and a text, given by their numbers, both (P,)."""
        return self.fusion(images.patches, texts.tokens, texts.lengths, image, text)

    def match_logit(self, images: EncodedImages, texts: EncodedTexts, image: Tensor, text: Tensor) -> Tensor:
        """(P,) float32: the log-odds that the text is true of the image. Above 0 it is taken for true."""
        logits = self.match_logits(images, texts, image, text)
        return logits[:, 1] - logits[:, 0]

    def forward_flops(self, packed: Packed, *, images: int, pairs: int) -> int:
        """Floating-point operations of `texts` and of `match_logits` for so many pairs; the image tower's are not."""
        longest = int(packed.depths.max()) + 1
        fused = self.fusion.forward_flops(images=images, texts=len(packed.texts), tokens=longest, pairs=pairs)
        return token_flops(self.dual, packed) + fused


def encode_patches(visual: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """An image tower's embeddings (N, D), as `encode_image` gives them, and its patches' last features (N, M, C).

    Raises InputError where a tower is of a kind whose patches are not known here.
    """
    if isinstance(getattr(visual, "trunk", None), NearmissConv):
        grid = visual.trunk.stages(pixels)
        return visual.head(visual.trunk.read_out(grid)), grid.flatten(2).transpose(1, 2)
    if isinstance(visual, TimmModel):
        return read_grid(visual, visual.trunk(pixels))
    if isinstance(visual, VisionTransformer):
        pooled, patches = visual._pool(visual.transformer(visual._embeds(pixels)))
        return pooled if visual.proj is None else pooled @ visual.proj, patches
    raise _without_patches(visual)


def read_grid(visual: Any, grid: Tensor) -> tuple[Tensor, Tensor]:
    """The same from the features of a timm trunk, where they are a grid (N, C, H, W), as before attention pooling."""
    if grid.ndim != 4:
        raise _without_patches(visual)
    return head_output(visual.head, grid), grid.flatten(2).transpose(1, 2)


def _without_patches(visual: Any) -> InputError:
    return InputError(
        f"no patch features are known of the image tower {type(getattr(visual, 'trunk', visual)).__name__}",
        record="image_text_matching",
        remedy="take nearmiss_conv, one of open_clip's own vision transformers, or a timm trunk with attention "
        "pooling, or leave the term out",
    )


def check_texts(dual: Any) -> None:
    """Raise InputError where a fusion cannot read the text tower."""
    if not has_token_features(dual):
        raise InputError(
            "no token features are known of this text tower",
            record="image_text_matching",
            remedy="take a causal tower that pools at the end token, or one of transformers, or leave the term out",
        )


def fresh_fusion(dual: CLIP, *, side: int, width: int, heads: int, layers: int, seed: int) -> Fusion:
    """A fusion for this dual encoder and images of `side` pixels; weights depend on its shape and the seed only."""
    check_texts(dual)
    with evaluation_mode(dual), torch.no_grad():
        device = dual.logit_scale.device
        _, patches = encode_patches(dual.visual, torch.zeros(1, 3, side, side, device=device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "models", "fusion"))
        return Fusion(
            width=width,
            heads=heads,
            layers=layers,
            text_width=token_width(dual),
            patch_width=patches.shape[2],
            patches=patches.shape[1],
        )


def save_fusion(folder: Path, fusion: Fusion) -> None:
    """Write the fusion next to the dual part of a checkpoint folder; equal weights give equal bytes."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in fusion.state_dict().items()}
    write_json(Path(folder) / FUSION_CONFIG, fusion.shape)
    with replacing(Path(folder) / FUSION_WEIGHTS) as partial:
        partial.write_bytes(save(tensors))


def has_fusion(folder: Path) -> bool:
    """Whether a checkpoint folder is that of a cross-encoder: whether it has a part of one."""
    return any((Path(folder) / name).is_file() for name in FUSION_FILES)


def open_cross_encoder(folder: Path) -> tuple[CrossEncoder, Any, Any]:
    """Cross-encoder, preprocessing and tokenizer of a checkpoint folder; the dual part as `open_checkpoint` opens it.

    Raises InputError where the fusion is damaged or belongs to another model.
    """
    file = Path(folder) / FUSION_WEIGHTS
    shape = _fusion_shape(Path(folder) / FUSION_CONFIG)
    dual, transform, tokenizer = open_checkpoint(folder)
    try:
        check_texts(dual)
        with torch.device("meta"):
            outline = Fusion(**shape)
        fitted = weights.fitted(weights.read_weights(file, remedy=_AGAIN), outline, file, remedy=_AGAIN)
        fusion = Fusion(**shape)
        fusion.load_state_dict(fitted)
    except InputError as error:
        raise InputError(f"the fusion does not load: {error.problem}", file=file, remedy=_AGAIN) from None
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"the fusion does not load: {error}", file=file, remedy=_AGAIN) from None
    theirs = _reads(dual, transform)
    if any(shape[name] != value for name, value in theirs.items()):
        raise InputError(
            f"the fusion was made for another tower: it reads {shape}, this one gives {theirs}",
            file=file,
            remedy="put the fusion beside its own checkpoint",
        )
    return CrossEncoder(dual, fusion), transform, tokenizer


def _fusion_shape(file: Path) -> dict[str, int]:
    shape = read_json(file)
    sizes = isinstance(shape, dict) and shape.keys() == set(_SHAPE)
    if not sizes or not all(type(value) is int and 1 <= value <= _LARGEST for value in shape.values()):
        raise InputError("this is no shape of a fusion", file=file, record=", ".join(_SHAPE), remedy=_AGAIN)
    return dict(shape)


def _reads(dual: Any, transform: Any) -> dict[str, int]:
    """The shapes of a dual encoder's features for a fusion."""
    pixels = transform(Image.new("RGB", (8, 8)))[None]
    with torch.no_grad():
        _, patches = encode_patches(dual.visual, pixels)
    return {
        "text_width": token_width(dual),
        "patch_width": patches.shape[2],
        "patches": patches.shape[1],
    }
