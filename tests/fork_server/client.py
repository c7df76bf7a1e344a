"""The program `python` of tests: it has a command run by the server, or becomes the interpreter.

    python -IS client.py SOCKET INTERPRETER NAME [ARGUMENT ...]

`NAME` is the path that it was called by. What the server cannot do as an interpreter of its own would, the interpreter
does: other programs than `MODULES`, other options, and other values of what libraries read when they are imported.
"""

import json
import os
import signal
import socket
import sys

MODULES = ("nearmiss", "snakemake", "dvc", "torch.distributed.run")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
COMPUTING = ("nearmiss",)
"""Modules whose numbers may depend on the number of threads; commands in `DRIVING` compute nothing themselves."""
DRIVING = ("run", "versions")
READ_ON_IMPORT = (
    *("CUDA_", "DVC_", "HF_", "HOME", "HUGGINGFACE_", "LANG", "LC_", "LD_", "MPL", "PYTHON", "PYTORCH_", "TORCH_"),
    *("TRANSFORMERS_", "XDG_"),
)
"""Beginnings of names of variables that an interpreter or a library reads once."""
READ_LATER = (
    "DVC_NO_ANALYTICS",
    "LD_LIBRARY_PATH",  # OpenCV sets it in the process that imports it
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",  # the server has it
    "TORCH_NCCL_ASYNC_ERROR_HANDLING",  # torchrun sets it for GPUs
)
FORKING = "from multiprocessing.forkserver import main; main("
FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(address: str, interpreter: str, name: str, *arguments: str) -> None:
    """Run the command and end as it ended."""
    if name.endswith("/snakemake"):
        arguments = ("-m", "snakemake", *arguments)
    if not (suitable(arguments, os.environ) and same_imports(address)):
        os.execv(interpreter, [interpreter, *arguments])
    if arguments[0] == "-m":
        die_with_parent()
    request = request_for(arguments, name)
    files = open_files()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.connect(address)
    except OSError:  # the tests have ended
        os.execv(interpreter, [interpreter, *arguments])
    end(status_of(server, request, files))


def suitable(arguments: tuple[str, ...], environment: "os._Environ[str]") -> bool:
    """Whether the server's modules and threads are those that this command would have."""
    option, module, command, *_ = (*arguments, "", "", "")
    if option == "-P":
        return module.endswith(".py")
    if option == "-c" and module.startswith(FORKING):
        return all(environment.get(name) == "1" for name in THREADS)
    if option != "-m" or module not in MODULES:
        return False
    if module in COMPUTING and command not in DRIVING:
        return all(environment.get(name) == "1" for name in THREADS)
    return all(environment.get(name, "1") == "1" for name in THREADS)


def read_on_import(environment: "os._Environ[str]") -> dict[str, str]:
    """The variables that were read before a command begins."""
    return {
        name: value for name, value in environment.items() if name.startswith(READ_ON_IMPORT) and name not in READ_LATER
    }


def same_imports(address: str) -> bool:
    """Whether the server's libraries were imported with the variables of this process."""
    try:
        with open(f"{address}.environment") as file:  # noqa: PTH123  (pathlib takes as long as all the rest)
            return read_on_import(os.environ) == json.load(file)
    except OSError:
        return False


def open_files() -> list[int]:
    """The files that this process has inherited."""
    return [number for number in map(int, os.listdir("/proc/self/fd")) if is_open(number)]  # noqa: PTH208


def is_open(number: int) -> bool:
    """Whether a descriptor is open; the one that the folder was read through no longer is."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def die_with_parent() -> None:
    """End with the parent where the command would; the server then kills the command's process."""
    if os.environ.get("NEARMISS_PARENT"):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def request_for(arguments: tuple[str, ...], name: str) -> dict[str, object]:
    """The command and what its process has of this one."""
    ignored = [int(each) for each in (*FORWARDED, signal.SIGPIPE) if signal.getsignal(each) is signal.SIG_IGN]
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "arguments": arguments,
        "executable": name,
        "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "umask": umask,
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "ignored": ignored,
    }


def status_of(server: socket.socket, request: dict[str, object], files: list[int]) -> int:
    """Send the command with its open files, pass signals on, and wait for the status of its process."""
    for each in FORWARDED:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda number, _: server.send(bytes([number])))
    body = json.dumps({**request, "files": files}).encode()
    socket.send_fds(server, [len(body).to_bytes(8, "big")], files)
    server.sendall(body)
    answer = server.recv(16)
    return int(answer) if answer else 1


def end(status: int) -> None:
    """End with a status, or by the signal that it is the negative number of."""
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
