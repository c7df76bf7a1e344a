"""Checks of arms, methods and training phases. `refuse(problem, key, remedy)` raises an InputError naming the key."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nearmiss.config_text import near, shortened
from nearmiss.engine.objectives.spec import needs_fusion, needs_negatives, uses_negatives
from nearmiss.stages.compare.config import StudyConfig
from nearmiss.stages.negatives.config import MATCHED, NegativesConfig
from nearmiss.stages.pretrain.config import BASE, ArmConfig, PretrainConfig


def check_base(base: ArmConfig, refuse: Any) -> None:
    """Refuse an arm `base` that is more than contrastive training."""
    if base.method is not None or [term.term for term in base.objective] != ["contrastive"]:
        refuse(
            "the arm 'base' is plain contrastive training without negatives",
            ("arms", "base"),
            "remove its method and leave 'contrastive' as its only term; call the other arm by another name",
        )
    if base.steps is not None:
        refuse("the arm 'base' has the steps of its phase", ("arms", "base", "steps"), "set pretrain.base.steps")


def check_phases(pretrain: PretrainConfig, arms: dict[str, ArmConfig], refuse: Any) -> None:
    """A phase checks the steps that it gives; here are those that the model gives it, and those of an arm."""
    cooldown = pretrain.continued.cooldown_steps
    for name, arm in arms.items():
        if arm.steps is not None and arm.steps < cooldown:
            refuse(
                f"a cool-down of {cooldown} steps does not fit in the {arm.steps} steps of the arm '{name}'",
                ("arms", name, "steps"),
                "raise it, or lower pretrain.continued.cooldown_steps",
            )
    for name in ("base", "continued"):
        phase = getattr(pretrain, name)
        if phase.cooldown_steps > phase.steps:
            refuse(
                f"a cool-down of {phase.cooldown_steps} steps does not fit in {phase.steps} steps, the model's default",
                ("pretrain", name, "cooldown_steps"),
                f"lower it, or set pretrain.{name}.steps",
            )


def check_study(study: StudyConfig | None, arms: Collection[str], refuse: Any) -> None:
    """Refuse a comparison of arms that the experiment does not have: a control without its arm, and the reverse."""
    for arm, controls in study.comparisons.items() if study is not None else ():
        for name in (arm, *controls):
            if name not in arms:
                what = "arm" if name == arm else "control"
                refuse(
                    f"the {what} '{shortened(name)}' of a comparison is no arm of this experiment",
                    ("compare", "study", "comparisons", arm),
                    near(name, list(arms)) or "add the arm, or take it out of the comparisons",
                )
        if arm in controls:
            refuse(f"'{arm}' is compared with itself", ("compare", "study", "comparisons", arm), "name another control")


def check_arm(name: str, arm: ArmConfig, methods: dict[str, Any], refuse: Any) -> None:
    """Refuse an arm whose terms, negatives and method do not fit together; `methods` are of stage negatives."""
    if not arm.objective:
        refuse(f"the arm '{name}' has no loss term", ("arms", name, "objective"), "name at least one term")
    terms = [term.term for term in arm.objective]
    if len(set(terms)) < len(terms):
        refuse(f"the arm '{name}' names a loss term twice", ("arms", name, "objective"), "name each term once")
    if arm.method is not None and arm.method not in methods:
        refuse(
            f"the arm '{name}' trains on a method that is not configured: '{shortened(arm.method)}'",
            ("arms", name, "method"),
            near(arm.method, list(methods)) or f"add it to negatives.methods or choose one of: {', '.join(methods)}",
        )
    if arm.method is not None and _is_unchecked(methods[arm.method]) and "unchecked" not in arm.verdicts:
        refuse(
            f"the negatives of the method '{arm.method}' are unchecked, which the arm '{name}' leaves out",
            ("arms", name, "verdicts"),
            "add 'unchecked' to the arm's verdicts",
        )
    needing = [term.term for term in arm.objective if needs_negatives(term)]
    if needing and (arm.method is None or arm.num_negatives == 0):
        refuse(
            f"the arm '{name}' has the term '{needing[0]}' but no negatives",
            ("arms", name),
            "give it a method and num_negatives of 1 or more, or take the term out",
        )
    if arm.method is not None and not any(uses_negatives(term) for term in arm.objective):
        refuse(
            f"the arm '{name}' names the method '{arm.method}' but no term of its objective uses negatives",
            ("arms", name, "objective"),
            "add a term that does, such as own_negatives, or take the method out",
        )


def check_match(negatives: NegativesConfig, refuse: Any) -> None:
    """Refuse matched methods that are not configured or named twice, and a method with the name of their folder."""
    if negatives.match is None:
        return
    key, known = ("negatives", "match", "methods"), list(negatives.methods)
    if len(set(negatives.match.methods)) < len(negatives.match.methods):
        refuse("a method is named twice", key, "name each method once")
    for name in negatives.match.methods:
        if name not in known:
            refuse(
                f"the matched method '{shortened(name)}' is not configured",
                key,
                near(name, known) or f"add it to negatives.methods or choose among: {', '.join(known)}",
            )
    if MATCHED in known:
        refuse(
            f"'{MATCHED}' is the folder of the matched sets",
            ("negatives", "methods", MATCHED),
            "give the method another name, or remove negatives.match",
        )


def _is_unchecked(options: Any) -> bool:
    """Whether a method's negatives are taken as others released them."""
    if options.method == "published":
        return not options.checked
    return bool(getattr(options, "mode", "default") == "released")


def interpolated_arms(arms: Mapping[str, ArmConfig], alphas: Sequence[float]) -> list[str]:
    """Names of the arms whose weights are interpolated with the base's; none without shares (`evaluate.interpolation`).

    A cross-encoder is none of them: the base, which is a dual encoder, has no fusion to interpolate its own with.
    """
    return [name for name, arm in arms.items() if alphas and name != BASE and not needs_fusion(arm.objective)]
