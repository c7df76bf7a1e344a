"""The base of every configuration model, and the types that several of them share."""

from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

LARGEST_SEED = 2**63 - 1
"""Tables store a seed as a signed integer of 64 bits."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
"""An integer from 0 to `LARGEST_SEED`; neither a float nor a boolean."""


class Typed(BaseModel):
    """A configuration section: unknown keys are refused, values are immutable, and numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _booleans_are_no_numbers(cls, values: Any) -> Any:
        """Refuse `batch: yes`, which would be read as 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            kinds = _parts(cls.model_fields[name].annotation) if name in cls.model_fields else set()
            held = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
            if {int, float} & kinds and bool not in kinds and any(isinstance(one, bool) for one in held):
                raise PydanticCustomError("number_type", "Input should be a number, not a boolean", {"key": name})
        return values


Section = TypeVar("Section", bound=Typed)


def at_most(section: Section, **limits: int) -> Section:
    """The section with each named number cut to its limit; smaller numbers stay."""
    return section.model_copy(update={name: min(getattr(section, name), most) for name, most in limits.items()})


def _parts(annotation: Any) -> set[Any]:
    """The types that an annotation is made of."""
    inner = get_args(annotation)
    return set().union(*map(_parts, inner)) if inner else {annotation} if isinstance(annotation, type) else set()
