"""Today's fingerprint of everything that an experiment makes, as the driver writes it when it reads the workflow."""

from pathlib import Path
from typing import Any

from nearmiss.base.files import sha256
from nearmiss.base.fingerprint import code_digest
from nearmiss.config import STAGES, Experiment

Fingerprints = dict[str, dict[str, Any]]


def fingerprints(experiment: Experiment, root: Path) -> Fingerprints:
    """Name of each fingerprint file without its suffix (`data`, `negatives/keyword`, `pretrain/clip`) -> its content.

    `root` is the checkout, whose code and requirements.lock are hashed. An arm's fingerprint holds what all arms share
    and its own, with the values that null stands for; seeds and the list of arms are part of none, so that a new seed
    changes no run that is there.
    """
    plain = experiment.with_model_defaults().model_dump(mode="json")
    configs: dict[str, tuple[str, Any]] = {
        stage: (stage, plain[stage]) for stage in STAGES if stage not in ("negatives", "pretrain")
    }
    shared = {name: plain["negatives"][name] for name in ("seed", "captions", "paraphrases")}
    for method in experiment.methods():
        own = plain["negatives"]["methods"][method]
        configs[f"negatives/{method}"] = ("negatives", {"shared": shared, "method": own})
    configs["pretrain"] = ("pretrain", plain["pretrain"])
    for arm, config in plain["arms"].items():
        configs[f"pretrain/{arm}"] = ("pretrain", {"shared": plain["pretrain"], "arm": config})
    lock = sha256(root / "requirements.lock")
    codes = {
        stage: code_digest(root / "src", stage, root / "workflow" / "rules" / f"{stage}.smk")
        for stage in {stage for stage, _ in configs.values()}
    }
    return {
        name: {"stage": stage, "config": config, "code": codes[stage], "lock": lock}
        for name, (stage, config) in sorted(configs.items())
    }


def fingerprint_of(part: str, names: Fingerprints) -> str:
    """The fingerprint that a folder of results has: its own (`pretrain/clip` of `pretrain/clip/0`) or its stage's."""
    own = "/".join(part.split("/")[:2])
    return own if own in names else part.partition("/")[0]
