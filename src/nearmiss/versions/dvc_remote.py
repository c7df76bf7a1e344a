"""The program that checks objects in a remote: `python dvc_remote.py REMOTE DIGEST ...`

`dvc fetch` keeps the object that lists a folder's files only when it could bring every one of these files, and its
messages do not always say which object stopped it. This program reads the objects themselves. It prints one JSON list
with an entry per object: `object` (its digest), `state` ("whole", "damaged": the MD5 of its bytes is another, or
"absent"), and, for a file of a list that is whole, `list` (that list's digest) and `name` (its path in the folder).
Files that are in the cache already are left out.
"""

import hashlib
import json
import sys
from typing import Any


def main(remote: str, *digests: str) -> None:
    """Print the states; an error of DVC's or of the remote's is one line on standard error, as `dvc` prints it."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote_objects, cache = repo.cloud.get_remote_odb(remote), repo.cache.local
            found = []
            for digest in digests:
                state, content = _state(remote_objects, digest)
                found.append({"object": digest, "state": state})
                if state == "whole" and digest.endswith(".dir"):
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
    return ("whole" if whole else "damaged"), content


if __name__ == "__main__":
    main(*sys.argv[1:])
