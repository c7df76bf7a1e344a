"""A program that verifies objects in a remote: `python dvc_remote.py REMOTE DIGEST ...`

`dvc fetch` keeps the object that lists a folder's files only if it fetched all of these files, and its messages do not
always name the object that failed. This program reads the objects directly. It prints one JSON list with an entry per
object: `object` (its digest), `state` ("intact", "damaged" if the MD5 of its bytes differs, or "absent"), and, for a
file of an intact list, `list` (that list's digest) and `name` (its path in the folder). Files that are already in the
cache are omitted.
"""

import hashlib
import json
import sys
from typing import Any


def main(remote: str, *digests: str) -> None:
    """Print the states; an error of DVC or of the remote is one line on standard error, as printed by `dvc`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote_objects, cache = repo.cloud.get_remote_odb(remote), repo.cache.local
            found = []
            for digest in digests:
                state, content = _state(remote_objects, digest)
                found.append({"object": digest, "state": state})
                if state == "intact" and digest.endswith(".dir"):
                    found += [
                        {"object": one["md5"], "state": _state(remote_objects, one["md5"])[0]}
                        | {"list": digest, "name": one["relpath"]}
                        for one in json.loads(content)
                        if not cache.exists(one["md5"])
                    ]
    except (DvcException, OSError) as error:
        sys.exit(f"ERROR: {error}")
    print(json.dumps(found))


def _state(objects: Any, digest: str) -> tuple[str, bytes]:
    """State and bytes of one object of a DVC object database."""
    path = objects.oid_to_path(digest)
    if not objects.fs.isfile(path):
        return "absent", b""
    content = objects.fs.cat_file(path)
    whole = hashlib.md5(content, usedforsecurity=False).hexdigest() == digest.removesuffix(".dir")
    return ("intact" if whole else "damaged"), content


if __name__ == "__main__":
    main(*sys.argv[1:])
