"""The verb `curate`: people decide which pairs or negatives are good, on a page of this machine."""

from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.verbs.app import app


@app.command
def curate(
    set_: Path,
    /,
    *,
    db: Path,
    annotator: str | None = None,
    images: Path | None = None,
    root: Path | None = None,
    port: int = 8765,
    export: Path | None = None,
    rule: Literal["all", "majority"] = "all",
    of: list[str] | None = None,
) -> None:
    """Accept, refuse and correct image pairs or negatives on a local page, or write what was accepted (--export).

    Parameters
    ----------
    set_
        Pairs in InpaintCOCO's schema or negatives: a Parquet file, or a folder that a verb made.
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
    export
        Folder that is made instead of opening the page: the accepted items in the set's own format, set_aside.parquet
        with the others and their reasons, report.json with counts and the agreement of the annotators.
    rule
        What accepts an item: all annotators, or more than half of them.
    of
        The annotators who count in --export; all who decided anything if not given. Repeat it for several.
    """
    if (export is None) == (annotator is None):
        raise InputError(
            "either someone curates or the curated set is written",
            remedy="give --annotator NAME to open the page, or --export FOLDER",
        )
    from nearmiss.engine.curation.opening import open_set
    from nearmiss.engine.curation.store import Store, annotator_name

    curated = open_set(set_, images=images, root=root)
    if export is not None:
        from nearmiss.engine.curation.export import export as write
        from nearmiss.engine.curation.export import in_words

        with Store(db, curated.digest, create=False) as store:
            print(in_words(write(curated, store, export, rule=rule, annotators=of or ())))
        return
    from nearmiss.engine.curation.server import create_app, listen

    name = annotator_name(annotator or "")
    with Store(db, curated.digest) as store:
        server = listen(create_app(curated, store, name), port)
        print(f"{len(curated.items)} {curated.kind}, annotator {name}, decisions in {db}")
        print(f"http://127.0.0.1:{server.server_port}/ (this machine only; Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        finally:
            server.server_close()
