"""The base of every configuration model: unknown keys are refused, values are immutable."""

from pydantic import BaseModel, ConfigDict


class Typed(BaseModel):
    """A configuration section. A key that is not a field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
