"""A program that checks out DVC's objects as copies: `python dvc_checkout.py STAGE ...`

`dvc checkout` has no such option. With a `cache.type` of symbolic or hard links, which any level of DVC's configuration
may set, results would be links: their times are those of the cache, and a job that appends to a result would change
the object.
"""

import sys

COPIES = {"cache": {"type": ["reflink", "copy"]}}


def main(stages: list[str]) -> None:
    """Check out stages; an error of DVC is one line on standard error, as printed by `dvc`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(config=COPIES) as repo:
            repo.checkout(targets=stages)
    except (DvcException, OSError) as error:
        sys.exit(f"ERROR: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
