"""Small archives, and catalogs of a user's own whose files a local server has."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

from file_server import FileServer, Served


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info in special:
            archive.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped_folder(folder: Path) -> bytes:
    return zipped({path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))})


def entry(*files: dict, **values: object) -> dict:
    return {"title": "a test", "license": {"name": "MIT"}, "files": list(files), **values}


def remote(server: FileServer, path: str, body: bytes, *, known: bool = True, **values: object) -> dict:
    """A file of an entry, which the server has."""
    server.files[path] = Served(body)
    found = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} if known else {}
    return {"path": path, "urls": [server.url(path)], **found, **values}


def write_catalog(file: Path, entries: dict[str, dict]) -> Path:
    file.write_text(json.dumps(entries))
    return file
