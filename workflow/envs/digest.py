"""Write the digest of requirements.lock into the conda environment file, so that conda sees when the pins change."""

import hashlib
import re
from pathlib import Path

root = Path(__file__).resolve().parents[2]
digest = hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest()
file = root / "workflow" / "envs" / "nearmiss.yaml"
file.write_text(re.sub(r"(?m)^# lock: .*$", f"# lock: {digest}", file.read_text()))
