"""The value of `--model`: a model of open_clip or of transformers, a checkpoint folder, or a run of an experiment."""

from dataclasses import dataclass
from pathlib import Path

from nearmiss.base.errors import InputError

LOCAL = "local-dir:"
HUGGING_FACE = "hf:"
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Model:
    """A model to evaluate. `arm` and `seed` label its rows."""

    name: str
    """Name in open_clip: an architecture, `local-dir:FOLDER` or `hf-hub:ORGANIZATION/NAME`; for a model of
    transformers, `hf:` and its folder or its name on the hub."""
    pretrained: str | None
    arm: str
    seed: int

    @property
    def folder(self) -> Path | None:
        """The folder of a model that is read from one; None for names."""
        if self.name.startswith(LOCAL):
            return Path(self.name.removeprefix(LOCAL))
        path = Path(self.name.removeprefix(HUGGING_FACE))
        return path if self.name.startswith(HUGGING_FACE) and path.is_dir() else None


def parse_model(text: str, pretrained: str | None = None, arm: str | None = None, seed: int | None = None) -> Model:
    """The model that `--model TEXT --pretrained TAG --arm ARM --seed SEED` names.

    A folder is a run (`results/<experiment>/pretrain/<arm>/<seed>`, which names its arm and seed), a checkpoint, or a
    model saved by transformers. Raises InputError if a folder is none of them.
    """
    path = Path(text.removeprefix(HUGGING_FACE if text.startswith(HUGGING_FACE) else LOCAL))
    saved = path.is_dir() and (path / "config.json").is_file() and not (path / "open_clip_config.json").is_file()
    if text.startswith(HUGGING_FACE) or (saved and not text.startswith(LOCAL)):
        if pretrained is not None:
            raise InputError(
                "a model of transformers has its own weights", record=pretrained, remedy="omit --pretrained"
            )
        name = path.name if path.is_dir() else text
        return Model(f"{HUGGING_FACE}{path}", None, arm or name, seed or 0)
    if not text.startswith(LOCAL) and not path.is_dir():
        return Model(text, pretrained, arm or ":".join(filter(None, (text, pretrained))), seed or 0)
    if (path / CHECKPOINT).is_dir():
        name, number = (*path.absolute().parts, "", "")[-4:-2]
        known = (name, int(number)) if number.isdecimal() else (path.name, 0)
        path = path / CHECKPOINT
    elif (path / "open_clip_config.json").is_file() or text.startswith(LOCAL):
        known = (path.name, 0)
    else:
        raise InputError(
            "the folder is neither a run nor a checkpoint",
            file=path,
            remedy="give a folder with open_clip_config.json or transformers' config.json, or one of stage pretrain",
        )
    return Model(f"{LOCAL}{path}", pretrained, known[0] if arm is None else arm, known[1] if seed is None else seed)
