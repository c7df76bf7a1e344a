"""Command `nearmiss download`: published data sets of the catalog."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import app

Names = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]
Flag = Annotated[bool, Parameter(negative="")]


@app.command(sort_key=3)
def download(
    *names: str,
    root: Path | None = None,
    accept: Names = None,
    dry_run: Flag = False,
    offline: Flag = False,
    catalog: Path | None = None,
    mirror: str | None = None,
    keep_archives: Flag = False,
) -> None:
    """Download published data sets, or list them.

    nearmiss download sugarcrepe --root DATA --accept sugarcrepe coco_2017_val_images

    Without names: a table of all data sets. An interrupted download is continued by the same command, and nothing is
    downloaded twice. Proxies are taken from HTTPS_PROXY, a token for gated data sets from HF_TOKEN.

    Parameters
    ----------
    names
        Entries of the catalog; those that they need are downloaded, too.
    root
        Data root that the files go below.
    accept
        Entries whose licenses you accept, or `all`. The receipt records it.
    dry_run
        Print the plan: files, bytes, disk space, expected minutes, and what is fetched by hand.
    offline
        Refuse what would need the network.
    catalog
        Catalog file of your own; its entries are added, or replace entries of the same name.
    mirror
        Web address that is tried first, as MIRROR/PATH with the path below the root.
    keep_archives
        Keep archives after they are unpacked.
    """
    from nearmiss.engine.downloads.catalog import load_catalog, with_needs
    from nearmiss.engine.downloads.download import download as fetch_entries
    from nearmiss.engine.downloads.listing import by_hand_lines, checksum_lines, plan_text, table
    from nearmiss.engine.downloads.plan import plan_of

    entries = load_catalog(catalog)
    if not names:
        print(table(entries.values(), root))
        return
    if root is None:
        raise InputError("a download needs a data root", record=" ".join(names), remedy="name it with --root DATA")
    with_needs([name for name in accept or () if name != "all"], entries)  # refuses an unknown name
    if dry_run:
        print(plan_text(plan_of(with_needs(names, entries), root), accept or ()))
        return
    with job("download"):
        result = fetch_entries(
            names,
            root,
            catalog=entries,
            accept=accept or (),
            offline=offline,
            mirror=mirror,
            keep_archives=keep_archives,
        )
    if result.plan.by_hand:
        print(by_hand_lines(result.plan.by_hand))
    if result.recorded:
        print(checksum_lines(result.recorded))
    print(f"downloaded: {', '.join(entry.name for entry in result.plan.todo) or 'nothing, all files exist'}")
