"""The weights that fine-tuning starts from: a checkpoint's, or random ones for `scratch`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from open_clip import CLIP

from nearmiss.base.errors import InputError
from nearmiss.engine.models.checkpoint import WEIGHTS, files_of, fresh_model, load_weights
from nearmiss.engine.models.folder import CONFIG, folder_configuration
from nearmiss.engine.models.text import check_tower
from nearmiss.engine.models.tokenization import Tokenization, tokenization_of

_AGAIN = "train the checkpoint again"
SCRATCH = "scratch"
"""The initialisation with random weights, of which a checkpoint folder gives architecture and tokenizer alone."""


@dataclass(frozen=True)
class Initialisation:
    """An architecture, its tokenizer, and the weights that every training of it starts from anew."""

    config: dict[str, Any]
    tokenization: Tokenization
    seed: int
    weights: Path | None  # checkpoint folder; None for random weights, the base's own of this seed before its training

    @property
    def name(self) -> str:
        """The image tower's name."""
        return str(self.config["model_cfg"]["vision_cfg"].get("timm_model_name") or "open_clip model")

    def model(self) -> CLIP:
        """A new model with the initial weights."""
        model = fresh_model(self.config, self.seed)
        if self.weights is not None:
            load_weights(self.weights, model)
        return model


def open_initialisation(checkpoint: Path, arm: str, seed: int, *, texts: bool) -> Initialisation:
    """The initialisation `arm` from a checkpoint folder; `texts` says that its text tower will be used.

    Raises InputError where the folder is no checkpoint, has no text tower or one of another kind, or does not load.
    """
    checkpoint = Path(checkpoint)
    config = folder_configuration(checkpoint) if (checkpoint / CONFIG).is_file() else {}
    needed = [name for name in files_of(config) if arm != SCRATCH or name != WEIGHTS]
    missing = [name for name in needed if not (checkpoint / name).is_file()]
    if missing:
        raise InputError(
            f"this is no checkpoint folder: {', '.join(missing)} missing",
            file=checkpoint,
            remedy="run stage pretrain, or correct the path",
        )
    config = folder_configuration(checkpoint)
    if "preprocess_cfg" not in config:
        raise InputError(
            "the checkpoint's configuration lacks 'preprocess_cfg'", file=checkpoint / CONFIG, remedy=_AGAIN
        )
    words = tokenization_of(f"local-dir:{checkpoint}", config["model_cfg"]["text_cfg"], checkpoint)
    opened = Initialisation(config, words, seed, None if arm == SCRATCH else checkpoint)
    try:
        model = opened.model()
        if texts:
            check_tower(model)
    except (TypeError, ValueError, KeyError, RuntimeError, AssertionError, AttributeError) as error:
        raise InputError(
            f"the model cannot be built or used: {error}", file=checkpoint / CONFIG, remedy=_AGAIN
        ) from None
    return opened
