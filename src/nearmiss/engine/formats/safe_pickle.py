"""A reader of pickles with Python data and NumPy arrays, which imports and calls nothing that a file names.

`pickle.Unpickler` with a list of allowed names is not enough for files of unknown origin: `numpy.dtype` and
`numpy.ndarray` accept forged states and follow pointers out of them. Here the opcodes are interpreted one by one
(parsed by the standard library's `pickletools.genops`), names are compared and never looked up, and NumPy's arrays,
scalars and dtypes become lists and Python values. Supported is the output of Python 3 and NumPy 1 and 2 with protocols
2 to 5 for None, bool, int, float, str, bytes, list, tuple, dict, arrays and scalars of simple dtypes, and
one-dimensional object arrays. Everything else is refused.
"""

import math
import pickletools
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

MOST_OPCODES = 20_000_000
"""Our choice: a published file of 50,000 records has 2 million."""
_MOST_BITS = 64  # of an integer
_INTEGERS = ("BININT", "BININT1", "BININT2", "LONG1")
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
_LITERALS = frozenset((*_INTEGERS, "BINFLOAT", *_TEXTS, *_BYTES))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_SIMPLE = re.compile(r"b1|[iu][1248]|f[248]|[US]\d{1,7}")  # dtypes whose values are read
_OBJECTS = re.compile(r"O[48]?")
_DOTTED = re.compile(r"[\w.]{1,80}", re.ASCII)
_KEYS = (str, int, float, bool, type(None))  # of a dictionary; hashing a nested tuple can take exponential time


class Refused(ValueError):
    """The pickle is damaged or contains other types than data. The message is safe to print."""


@dataclass(frozen=True)
class _Name:
    """The name of a member of a module, which is compared with the supported names."""

    module: str
    name: str


@dataclass
class _Type:
    """A dtype: its code without byte order, and the byte order of its state."""

    code: str
    order: str = "="


class Array(list[Any]):
    """The values of a NumPy array; empty until its state is read."""

    built = False


class SafeUnpickler:
    """One pickle, which `load` reads; `place` is the number of objects read so far."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under each open mark
        self._memo: dict[int, Any] = {}

    def load(self) -> tuple[Any, int]:
        """The value and the number of bytes of its pickle. Raises Refused."""
        try:
            for count, (opcode, argument, position) in enumerate(pickletools.genops(BytesIO(self._content))):
                name = opcode.name
                if count > MOST_OPCODES:
                    raise Refused(f"it has more than {MOST_OPCODES:,} opcodes")
                if name == "STOP":
                    return self._end(), (position or 0) + 1
                self._step(name, argument)
        except Refused:
            raise
        except IndexError:
            raise Refused("an opcode has no operand") from None
        except (ValueError, OverflowError, MemoryError) as error:
            raise Refused(f"it is damaged: {shown(str(error))}") from None
        raise Refused("it ends without its last opcode")

    def records_begun(self) -> int:
        """Number of items of the outermost object array that have been started."""
        frames = [*self._below, self._stack]
        state = frames[1] if len(frames) > 1 else []
        if len(state) < 5 or not isinstance(state[4], list):
            return 0
        return len(state[4]) + len(state) - 5 + (len(frames[2]) if len(frames) > 2 else 0)

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _LITERALS:
            if name == "LONG1" and argument.bit_length() > _MOST_BITS:
                raise Refused(f"an integer has more than {_MOST_BITS} bits")
            stack.append(argument)
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self._memo:
                raise Refused(f"it refers to value {argument}, which is not stored")
            stack.append(self._memo[argument])
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            size = _TUPLES[name]
            if len(stack) < size:
                raise IndexError
            stack[-size:] = [tuple(stack[-size:])]
        elif name not in ("PROTO", "FRAME"):
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        """The opcodes that create or fill a container, and those with a name."""
        if name == "MARK":
            self._below.append(self._stack)
            self._stack = []
        elif name == "EMPTY_LIST":
            self._stack.append([])
        elif name == "EMPTY_TUPLE":
            self._stack.append(())
        elif name == "EMPTY_DICT":
            self._stack.append({})
        elif name == "TUPLE":
            items = self._marked()
            self._stack.append(tuple(items))
        elif name in ("APPEND", "APPENDS"):
            items = [self._stack.pop()] if name == "APPEND" else self._marked()
            self._last(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [self._stack.pop(-2), self._stack.pop()] if name == "SETITEM" else self._marked()
            self._fill(items)
        elif name == "GLOBAL":
            self._stack.append(_Name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            member, module = self._stack.pop(), self._stack.pop()
            self._stack.append(_Name(str_of(module), str_of(member)))
        elif name == "REDUCE":
            arguments, named = self._stack.pop(), self._stack.pop()
            self._stack.append(_made(named, arguments))
        elif name == "BUILD":
            state = self._stack.pop()
            _set_state(self._stack[-1], state)
        else:
            raise Refused(f"opcode {name} is not supported")

    def _marked(self) -> list[Any]:
        """The values since the last mark, which is closed."""
        items, self._stack = self._stack, self._below.pop()
        return items

    def _last(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise Refused(f"an opcode requires a {kind.__name__}, not a {type(self._stack[-1]).__name__}")
        return self._stack[-1]

    def _fill(self, items: list[Any]) -> None:
        target = self._last(dict)
        if len(items) % 2:
            raise Refused("a dictionary has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in _KEYS:
                raise Refused(f"a key of a dictionary is a {type(key).__name__}")
            target[key] = value

    def _end(self) -> Any:
        if self._below or len(self._stack) != 1:
            raise Refused("it ends in the middle of a value")
        return self._stack[0]


def shown(value: Any, longest: int = 60) -> str:
    """A short text for messages. Containers are not written in full, because they may contain themselves."""
    if isinstance(value, str | bytes):
        return f"{value[:longest]!r}{'…' if len(value) > longest else ''}"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f"a {type(value).__name__} of {len(value)}" if isinstance(value, list | tuple | dict) else "another value"


def str_of(value: Any) -> str:
    """`value`, which must be a str."""
    if type(value) is not str:
        raise Refused(f"a str is required, not a {type(value).__name__}")
    return value


def _made(named: Any, arguments: Any) -> Any:
    """The result of a call in the file: supported constructors are implemented here, by name."""
    if type(named) is not _Name or type(arguments) is not tuple:
        raise Refused("it calls an object that is not a name")
    match (named.module, named.name, arguments):
        case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct", (_Name("numpy", "ndarray"), (0,), _)):
            return Array()
        case ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar", (_Type() as kind, bytes() as content)):
            return _scalar(kind, content)
        case (
            "numpy.core.numeric" | "numpy._core.numeric",
            "_frombuffer",
            (bytes() | bytearray() as content, _Type() as kind, tuple() as shape, "C" | "F" as order),
        ):
            return _values(kind, content, shape, order)
        case ("numpy", "dtype", (str() as code, *_)):
            if not (_SIMPLE.fullmatch(code) or _OBJECTS.fullmatch(code)):
                raise Refused(f"arrays of dtype {shown(code)} are not read")
            return _Type(code)
        case ("_codecs", "encode", (str() as text, "latin1")):  # how protocol 2 writes bytes
            return text.encode("latin1")
        case ("__builtin__" | "builtins", "bytes", ()):
            return b""
    called = f"{named.module}.{named.name}"
    raise Refused(f"it names {called if _DOTTED.fullmatch(called) else shown(called)}")


def _set_state(target: Any, state: Any) -> None:
    """BUILD: the state of an array or a dtype."""
    match target, state:
        case Array(built=False), (1, tuple() as shape, _Type(code=code), _, list() as items) if code[0] == "O":
            if shape != (len(items),):
                raise Refused("an object array does not have the number of objects of its shape")
            target.extend(items)
            target.built = True
        case Array(built=False), (1, tuple() as shape, _Type() as kind, bool() | int() as fortran, bytes() as content):
            target.extend(_values(kind, content, shape, "F" if fortran else "C"))
            target.built = True
        case _Type(), (3, "<" | ">" | "|" | "=" as order, None, None, None, int(), int(), int()):
            target.order = order
        case _:
            raise Refused(f"it sets an unsupported state of a {type(target).__name__}")


def _values(kind: _Type, content: bytes | bytearray, shape: tuple[Any, ...], order: Any) -> Array:
    """The values of an array of a simple dtype, nested by its axes."""
    if not all(type(size) is int and size >= 0 for size in shape) or not 1 <= len(shape) <= 4:
        raise Refused("an array has no shape")
    dtype = _dtype(kind)
    if dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise Refused("the bytes of an array do not match its shape")
    found = Array(np.frombuffer(content, dtype).reshape(shape, order=order).tolist())
    found.built = True
    return found


def _scalar(kind: _Type, content: bytes) -> Any:
    dtype = _dtype(kind)
    if dtype.itemsize == 0:
        return dtype.type().item()
    if len(content) != dtype.itemsize:
        raise Refused("the bytes of a number do not match its type")
    return np.frombuffer(content, dtype)[0].item()


def _dtype(kind: _Type) -> np.dtype[Any]:
    if not _SIMPLE.fullmatch(kind.code):
        raise Refused("it stores objects as bytes")
    return np.dtype(("" if kind.order == "=" else kind.order) + kind.code)
