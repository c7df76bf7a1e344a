"""A process that has imported the command line once and forks for each start of `nearmiss curate serve`.

Each line of its input is JSON: the arguments, and the named pipe that takes the standard output. It answers with the id
of the new process, which ends with this one, and this one with the process that started it.
"""

import json
import os
import signal
import sys

from nearmiss import cli
from nearmiss.base.lifetime import PARENT, die_with_starter
from nearmiss.engine.curation import opening, server  # noqa: F401  (imported once, not by every start)


def main() -> None:
    die_with_starter()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a server that has ended leaves nothing
    for line in sys.stdin:
        arguments, pipe = json.loads(line)
        parent = os.getpid()
        child = os.fork()
        if not child:
            os.environ[PARENT] = str(parent)
            os.dup2(os.open(pipe, os.O_WRONLY), 1)
            sys.argv = ["nearmiss", *arguments]
            cli.main()
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
