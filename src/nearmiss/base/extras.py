"""Optional dependencies: the extras of the package, and the message where one is not installed."""

from importlib.util import find_spec
from typing import Literal

from nearmiss.base.errors import InputError

Extra = Literal["diffusion", "s3"]
"""The extras in pyproject.toml that a command may need."""


def require(module: str, extra: Extra, purpose: str) -> None:
    """Raise InputError where a module is missing that an extra installs; `purpose` is what needs it.

    The module is not imported.
    """
    if find_spec(module) is None:
        raise InputError(
            f"{purpose} needs the package '{module}', which is not installed",
            remedy=f"pip install 'nearmiss[{extra}]'",
        )
