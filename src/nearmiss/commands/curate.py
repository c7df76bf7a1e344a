"""Group `nearmiss curate`: annotators accept or reject pairs or negatives; the accepted ones are exported."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nearmiss.base.errors import InputError
from nearmiss.commands.app import curate as group

Names = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


@group.command
def serve(
    items: Path,
    /,
    *,
    db: Path,
    annotator: str,
    images: Path | None = None,
    root: Path | None = None,
    port: int = 8765,
) -> None:
    """Serve a local page on which one annotator accepts, rejects and corrects items.

    nearmiss curate serve keyword --db keyword.db --annotator anna

    Parameters
    ----------
    items
        Pairs in InpaintCOCO's schema or negatives: a Parquet file, or a folder that a command wrote.
    db
        Database of decisions, a file that the first start creates; shared by all annotators of a set.
    annotator
        Name of the annotator. Each annotator starts a separate server, which does not show the decisions of others.
    images
        Table of images, to show negatives with their images.
    root
        Folder that the files of --images are relative to.
    port
        Port on the loopback address; 0 selects a free one. Use the same port after a restart: decisions that a browser
        could not send are stored for this address.
    """
    from secrets import token_urlsafe

    from nearmiss.engine.curation.opening import open_set
    from nearmiss.engine.curation.server import create_app, listen
    from nearmiss.engine.curation.store import Store, annotator_name

    if root is not None and images is None:
        raise InputError("--root has no effect without --images", remedy="give --images, too")
    name, token = annotator_name(annotator), token_urlsafe(32)
    curated = open_set(items, images=images, root=root)
    with Store(db, curated.digest) as store:
        server = listen(create_app(curated, store, name, token), port)
        print(f"{len(curated.items)} {curated.kind}, annotator {name}, decisions in {db}")
        address = f"http://127.0.0.1:{server.server_port}/?token={token}"
        print(f"{address} (this machine only; stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        finally:
            server.server_close()


@group.command
def export(
    items: Path,
    /,
    *,
    db: Path,
    out: Path,
    rule: Literal["all", "majority"] = "all",
    of: Names = None,
) -> None:
    """Export the accepted items, the rejected ones with reasons, and the inter-annotator agreement.

    nearmiss curate export keyword --db keyword.db --out curated --rule majority

    Parameters
    ----------
    items
        The unchanged set of pairs or negatives that was curated.
    db
        Database of decisions.
    out
        Output folder: the accepted items in the set's own format, set_aside.parquet with the others and their reasons,
        and report.json with counts and the inter-annotator agreement.
    rule
        An item is accepted if all annotators accept it, or more than half of them.
    of
        Annotators who count; by default, all who made a decision.
    """
    from nearmiss.engine.curation.export import export as write
    from nearmiss.engine.curation.export import in_words
    from nearmiss.engine.curation.opening import open_set
    from nearmiss.engine.curation.store import Store

    curated = open_set(items)
    with Store(db, curated.digest, create=False) as store:
        print(in_words(write(curated, store, out, rule=rule, annotators=of or ())))
