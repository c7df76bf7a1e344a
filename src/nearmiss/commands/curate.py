"""The commands `curate` and `curate-export`: people decide which pairs or negatives are good; what they accepted."""

from pathlib import Path
from typing import Annotated, Literal

import cyclopts

from nearmiss.commands.app import app

Names = Annotated[list[str] | None, cyclopts.Parameter(consume_multiple=True, negative="")]


@app.command
def curate(
    items: Path,
    /,
    *,
    db: Path,
    annotator: str,
    images: Path | None = None,
    root: Path | None = None,
    port: int = 8765,
) -> None:
    """Accept, refuse and correct image pairs or negatives on a local page.

    Parameters
    ----------
    items
        Pairs in InpaintCOCO's schema or negatives: a Parquet file, or a folder that a command made.
    db
        The database of decisions, a file that is made at the first start; one for all annotators of a set.
    annotator
        Who decides. Each annotator starts a page of their own and sees no decision of another.
    images
        The table of images, to show negatives with their pictures.
    root
        The folder that the files of --images are relative to.
    port
        Port on the loopback address; 0 takes a free one. Keep it when you start again: what a browser could not send
        waits under this address.
    """
    from secrets import token_urlsafe

    from nearmiss.engine.curation.opening import open_set
    from nearmiss.engine.curation.server import create_app, listen
    from nearmiss.engine.curation.store import Store, annotator_name

    name, token = annotator_name(annotator), token_urlsafe(32)
    curated = open_set(items, images=images, root=root)
    with Store(db, curated.digest) as store:
        server = listen(create_app(curated, store, name, token), port)
        print(f"{len(curated.items)} {curated.kind}, annotator {name}, decisions in {db}")
        address = f"http://127.0.0.1:{server.server_port}/?token={token}"
        print(f"{address} (this machine and its holder only; Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        finally:
            server.server_close()


@app.command
def curate_export(
    items: Path,
    /,
    *,
    db: Path,
    out: Path,
    rule: Literal["all", "majority"] = "all",
    of: Names = None,
) -> None:
    """Write what was accepted on the page, what was not with its reasons, and how far the annotators agree.

    Parameters
    ----------
    items
        The pairs or negatives that were curated, unchanged.
    db
        The database of decisions.
    out
        Folder that is made: the accepted items in the set's own format, set_aside.parquet with the others and their
        reasons, report.json with counts and the agreement of the annotators.
    rule
        What accepts an item: all annotators, or more than half of them.
    of
        The annotators who count; all who decided anything if not given.
    """
    from nearmiss.engine.curation.export import export, in_words
    from nearmiss.engine.curation.opening import open_set
    from nearmiss.engine.curation.store import Store

    curated = open_set(items)
    with Store(db, curated.digest, create=False) as store:
        print(in_words(export(curated, store, out, rule=rule, annotators=of or ())))
