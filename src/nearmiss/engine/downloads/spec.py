"""Configuration of downloads. Import-free, so that a configuration is checked without a network library."""

from pydantic import Field

from nearmiss.base.typed import Typed

EVERY = "all"
"""In place of names of entries: the licenses of all of them are accepted."""


class DownloadConfig(Typed):
    """Published files that the workflow downloads before it reads them."""

    root: str | None = Field(
        None, description="Folder that files are downloaded to, in the layout of docs/benchmarks.md; null for none."
    )
    accept: list[str] = Field(
        [], description="Entries of the catalog whose licenses you accept (`nearmiss download`), or `all`."
    )
    offline: bool = Field(False, description="Refuse what would need the network.")
    catalog: str | None = Field(
        None, description="A catalog file of your own; its entries are added, or replace entries of the same name."
    )
    mirror: str | None = Field(
        None, description="Web address that is tried first, as MIRROR/PATH with the path below the root."
    )
