"""What `--model` names: an open_clip model, a checkpoint folder, or a run of an experiment."""

from dataclasses import dataclass
from pathlib import Path

from nearmiss.base.errors import InputError

LOCAL = "local-dir:"
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Model:
    """A model to evaluate. `arm` and `seed` label its rows."""

    name: str
    """open_clip's name of it: an architecture, `local-dir:FOLDER` or `hf-hub:ORGANIZATION/NAME`."""
    pretrained: str | None
    arm: str
    seed: int

    @property
    def folder(self) -> Path | None:
        """The checkpoint folder of a `local-dir:` model."""
        return Path(self.name.removeprefix(LOCAL)) if self.name.startswith(LOCAL) else None


def parse_model(text: str, pretrained: str | None = None, arm: str | None = None, seed: int | None = None) -> Model:
    """The model that `--model TEXT --pretrained TAG --arm ARM --seed SEED` names.

    A folder is a run (`results/<experiment>/pretrain/<arm>/<seed>`, which names its arm and seed) or a checkpoint.
    Raises InputError where a folder is neither.
    """
    path = Path(text.removeprefix(LOCAL))
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
            remedy="give a folder with open_clip_config.json, or one of stage pretrain, <arm>/<seed>",
        )
    return Model(f"{LOCAL}{path}", pretrained, known[0] if arm is None else arm, known[1] if seed is None else seed)
