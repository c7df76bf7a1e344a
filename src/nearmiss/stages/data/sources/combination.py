"""Several sources as one, where `data.source` is a list: prefixed ids, concatenated tables."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_serializer

from nearmiss.base.errors import InputError
from nearmiss.stages.data.sources.photographs import PhotographSource
from nearmiss.stages.data.sources.registry import AnySource
from nearmiss.stages.data.sources.spec import TABLES, DataSource, Declaration, nothing_provided

if TYPE_CHECKING:
    from nearmiss.stages.data.overlap import Exclusion
    from nearmiss.stages.data.sources.tables import SourceTables

_ONE: TypeAdapter[Any] = TypeAdapter(AnySource)
_SEVERAL: TypeAdapter[Any] = TypeAdapter(Annotated[list[AnySource], Field(min_length=1)])


class CombinedSource(DataSource):
    """Sources of photographs, in the order of the configuration. It is written, and dumped, as a list."""

    name: Literal["combined"] = "combined"
    sources: tuple[PhotographSource, ...]

    @model_serializer
    def _as_list(self) -> list[dict[str, Any]]:
        return [source.model_dump() for source in self.sources]

    def prefixes(self) -> list[str]:
        """What the ids of each source begin with: `coco/`; a source that is named twice has numbers, `coco-2/`."""
        names = [source.name for source in self.sources]
        counts = [names[: at + 1].count(name) for at, name in enumerate(names)]
        return [f"{name}/" if count == 1 else f"{name}-{count}/" for name, count in zip(names, counts, strict=True)]

    def declare(self, data: str) -> Declaration:
        """The union of splits and caption sets; default sets are those of the first source that has captions."""
        parts = [source.declare(data) for source in self.sources]
        splits = tuple(dict.fromkeys(split for part in parts for split in part.splits))
        own = {name for part in parts for name in part.tables if name not in TABLES}
        order = ["origins", *(f"retrieval_{split}" for split in splits)]
        first = next((part for part in parts if part.caption_sets), parts[0])
        return Declaration(
            splits=splits,
            caption_sets=tuple(dict.fromkeys(name for part in parts for name in part.caption_sets)),
            default_sets=first.default_sets,
            image_root=common_root([source.root for source in self.sources]),
            images=parts[0].images,
            words=parts[0].words,
            downloads=tuple(dict.fromkeys(name for part in parts for name in part.downloads)),
            inputs=tuple(dict.fromkeys(name for part in parts for name in part.inputs)),
            tables=(*TABLES, *(name for name in order if name in own)),
            files=parts[0].files,
            masks=any(part.masks for part in parts),
            keys=parts[0].keys,
        )

    def check(self, provided: Callable[[Path], bool] = nothing_provided) -> None:
        """Refuse the first source of which a part is missing."""
        for at, source in enumerate(self.sources):
            with _numbered(at):
                source.check(provided)

    def write(
        self, data: Path, workers: int, exclusion: "Exclusion | None" = None
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Read the sources one after the other, and write their tables as one.

        An image that several sources have is kept in the first of them. Words are counted over all sources, against
        `min_count` of the first.
        """
        self.check()
        from nearmiss.stages.data.sources.combined_tables import combined
        from nearmiss.stages.data.sources.shared_images import without_shared
        from nearmiss.stages.data.sources.tables import write_source

        declared = self.declare("")
        read: list[SourceTables] = []
        for at, source in enumerate(self.sources):
            with _numbered(at):
                read.append(source.read(workers))
        roots = [os.path.relpath(source.root, declared.image_root) for source in self.sources]
        whole = combined(without_shared(read, self.prefixes()), self.prefixes(), roots)
        return write_source(whole, declared, data, min_count=self.sources[0].min_count, exclusion=exclusion)

    def smaller(self) -> Self:
        """Each source at its small size."""
        return self.model_copy(update={"sources": tuple(source.smaller() for source in self.sources)})


@contextmanager
def _numbered(at: int) -> Iterator[None]:
    """Errors of a source name its index in the list: `data.source.1.captions`."""
    try:
        yield
    except InputError as error:
        _, key, name = str(error.record).partition("data.source.")
        record = f"{key}{at}.{name}" if key else error.record
        raise InputError(error.problem, file=error.file, record=record, remedy=error.remedy) from None


def common_root(roots: list[str]) -> str:
    """The folder that holds all roots: relative where all are and none leads upwards, else absolute."""
    normal = [os.path.normpath(root) for root in roots]
    if any(Path(root).is_absolute() or root.startswith("..") for root in normal):
        return os.path.commonpath([os.path.abspath(root) for root in normal])  # noqa: PTH100  # links stay
    return os.path.commonpath(normal) or "."


def source_of(values: Any) -> DataSource:
    """The source of a configuration: options of one source, or a list of those of several.

    Raises ValueError where a source of a list is not one of photographs.
    """
    if isinstance(values, DataSource):
        return values
    if not isinstance(values, list):
        one: DataSource = _ONE.validate_python(values)
        return one
    sources = _SEVERAL.validate_python(values)
    for source in sources:
        if not isinstance(source, PhotographSource):
            raise ValueError(
                f"the source '{source.name}' does not combine with others: its truth and its words are of one world"
            )
    return sources[0] if len(sources) == 1 else CombinedSource(sources=tuple(sources))
