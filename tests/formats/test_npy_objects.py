"""Object arrays of CE-CLIP are read as basic types: all that NumPy writes for them, and nothing else."""

import io
import pickle
import pickletools
import random
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from toy_pairs import toy

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import ce_clip
from nearmiss.engine.formats.npy_objects import read_objects
from nearmiss.engine.formats.published import FileNames

RECORD = {"image_id": 1, "id": 0, "caption": "a dog", "noun_aug_caption": "a cat", "valid_caption": [1, 0, 0, 1, 0]}
VALUES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)


def held(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Values and containers of values: one level deeper."""
    keys = st.text() | st.integers(0, 9)
    return inner | st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=3)


PLAIN = held(held(held(VALUES)))  # deeper than eight levels is refused


def npy(records: list, protocol: int = 4, *, numpy: int = 2) -> bytes:
    """The bytes of np.save; NumPy 1 names its modules differently, and wrote protocol 3."""
    array = np.empty(len(records), dtype=object)
    array[:] = records
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|O", "fortran_order": False, "shape": array.shape})
    content = pickle.dumps(array, protocol)
    if numpy == 1:  # protocols 2 and 3 end a name with a line break, so that it may become shorter
        content = content.replace(b"numpy._core", b"numpy.core")
    return out.getvalue() + content


def raw(pickled: bytes, count: int = 1) -> bytes:
    """A file with a pickle of one's own."""
    return npy([None] * count)[:128] + pickled


def read(tmp_path, content: bytes) -> list:
    (tmp_path / "x.npy").write_bytes(content)
    return read_objects(tmp_path / "x.npy", "no remedy")


@pytest.mark.parametrize(("protocol", "numpy"), [(2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (5, 2)])
@settings(max_examples=25)
@given(records=st.lists(PLAIN, max_size=4))
def test_basic_types_are_read_exactly(tmp_path_factory, protocol, numpy, records):
    assume("numpy._core" not in repr(records))  # `npy` would rename it there, too
    assert read(tmp_path_factory.mktemp("plain"), npy(records, protocol, numpy=numpy)) == records


@pytest.mark.parametrize(("protocol", "numpy"), [(2, 1), (3, 1), (4, 2), (5, 2)])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([1, 0, 1, 1, 1]), [1, 0, 1, 1, 1]),
        (np.array([1, 0, 1, 1, 1], dtype=">i2"), [1, 0, 1, 1, 1]),
        (np.array([True, False]), [True, False]),
        (np.array([[1, 2], [3, 4]], order="F"), [[1, 2], [3, 4]]),
        (np.array([0.5, 2], dtype=np.float32), [0.5, 2.0]),
        (np.array(["a dog", "a"]), ["a dog", "a"]),
        (np.array([None, "a", [1]], dtype=object), [None, "a", [1]]),
        (np.array([], dtype=np.int64), []),
        (np.int64(7), 7),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a dog"), "a dog"),
        (np.str_(""), ""),
    ],
)
def test_numpy_arrays_and_scalars_become_lists_and_values(tmp_path, protocol, numpy, value, expected):
    (record,) = read(tmp_path, npy([{"value": value}], protocol, numpy=numpy))
    assert record == {"value": expected}
    assert type(record["value"]) is not type(value)


@pytest.mark.parametrize(
    "flags", [[1, 0, 0, 1, 0], (1, 0, 0, 1, 0), np.array([1, 0, 0, 1, 0]), np.array([1.0, 0, 0, 1, 0])]
)
def test_the_flags_of_a_record_are_a_list_or_an_array(tmp_path, flags):
    (tmp_path / "x.npy").write_bytes(npy([{**RECORD, "image_id": np.int32(5), "valid_caption": flags}], 3, numpy=1))
    (row,) = ce_clip.read(tmp_path / "x.npy").to_dicts()
    assert (row["image_id"], row["positive"], row["negative"]) == ("5", "a dog", "a cat")


class Reduced:
    """Pickles as the call that it is given."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple:
        return self.call


FORGED_FIELDS = (3, "|", None, ("a",), {"a": (np.dtype("O"), 2**40)}, 8, 1, 27)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(Reduced(np.dtype, ("V8", False, True), FORGED_FIELDS), "dtype 'V8'", id="a dtype of fields"),
        pytest.param(Reduced(np.dtype, ("O8", False, True), FORGED_FIELDS), "unsupported state", id="a forged dtype"),
        pytest.param(Reduced(np.ndarray, ((2**40,), "u1")), "names numpy.ndarray", id="an array of a terabyte"),
        pytest.param(Reduced(np.memmap, ("/etc/passwd",)), "names numpy.memmap", id="a file of this machine"),
        pytest.param(Reduced(print, ("x",)), "names builtins.print", id="a function"),
        pytest.param(np.datetime64("2024-01-01"), "dtype 'M8'", id="a time"),
        pytest.param(np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]), "dtype 'V8'", id="an array of structures"),
        pytest.param({"a", "b"}, "EMPTY_SET", id="a set"),
        pytest.param(1j, "names builtins.complex", id="a complex number"),
        pytest.param({(1, 2): 3}, "key of a dictionary is a tuple", id="a tuple as a key"),
        pytest.param(10**400, "opcode LONG4|64 bits", id="an integer of 401 digits"),
        pytest.param(np.dtype("i8"), "not data", id="a dtype as a value"),
    ],
)
def test_other_types_are_refused_with_their_record(tmp_path, value, words):
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, npy([RECORD, {**RECORD, "caption": value}, RECORD]))
    assert (caught.value.file, caught.value.record) == (tmp_path / "x.npy", "record 1")
    assert len(str(caught.value)) < 1000


def test_a_self_referencing_list_is_refused_and_not_expanded(tmp_path):
    value: object = "x"
    for _ in range(6):
        value = [value] * 100
    with pytest.raises(InputError, match="too often") as caught:
        read(tmp_path, npy([RECORD, {**RECORD, "valid_caption": value}]))
    assert caught.value.record == "record 1"
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("levels", [10, 90])
def test_deep_nesting_is_refused(tmp_path, levels):
    value: object = []
    for _ in range(levels):
        value = [value]
    with pytest.raises(InputError, match="nested deeper"):
        read(tmp_path, npy([value]))


def test_nesting_beyond_the_recursion_limit_is_refused(tmp_path):
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\n"
    array += b"X\x02\x00\x00\x00O8\x89\x88\x87R(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]"
    assert read(tmp_path, raw(b"\x80\x03" + array + b"]atb.")) == [[]]
    with pytest.raises(InputError, match="nested deeper"):
        read(tmp_path, raw(b"\x80\x03" + array + b"]" * 100_000 + b"a" * 100_000 + b"tb."))
    with pytest.raises(InputError, match="nested deeper") as caught:  # a list in itself
        read(tmp_path, raw(b"\x80\x03" + array + b"]q\x09h\x09aatb."))
    assert caught.value.record == "record 0"


@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        (b"\x80\x04.", "in the middle"),
        (b"\x80\x04N", "without its last opcode|damaged"),
        (b"\x80\x04h\x05.", "is not stored"),
        (b"\x80\x04R.", "no operand"),
        (b"\x80\x04((((.", "in the middle"),
        (b"\x80\x04Na.", "an opcode requires a list|no operand"),
        (b"\x80\x04]Nb.", "unsupported state of a list"),
        (b"(lp0\nI1\na.", "not supported"),
        (b"\x80\x04\x8d" + b"\xff" * 8 + b".", "damaged"),
        (b"\x80\x02\x8bNNNN.", "damaged"),
        (b"\xff\xfe", "damaged"),
    ],
)
def test_a_damaged_pickle_is_refused(tmp_path, pickled, words):
    with pytest.raises(InputError, match="not an array of records") as caught:
        read(tmp_path, raw(pickled))
    assert re.search(words, str(caught.value))


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }\n",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }\n",
        b"{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }\n",
        b"(" * 9000 + b"\n",
    ],
)
def test_an_unexpected_header_is_refused(tmp_path, header):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps([RECORD], 4)
    with pytest.raises(InputError, match="its header"):
        read(tmp_path, content)


def test_a_number_of_records_unlike_the_header_is_refused(tmp_path):
    whole = npy([RECORD, RECORD])
    for wrong in (whole.replace(b"(2,)", b"(3,)"), whole + whole):
        with pytest.raises(InputError, match="its header states"):
            read(tmp_path, wrong)


def test_any_damaged_byte_is_refused_or_gives_basic_types(tmp_path):
    """A flipped bit inside of a text gives another text, which the format cannot detect; it has no other effect."""
    whole = npy([dict(RECORD), {**RECORD, "valid_caption": np.array([1, 0, 0, 1, 0]), "id": np.int64(3)}])
    drawn = random.Random(0)
    for _ in range(300):
        at = drawn.randrange(len(whole))
        damaged = whole[:at] + bytes([whole[at] ^ 1 << drawn.randrange(8)]) + whole[at + 1 :]
        for content in (damaged, whole[:at]):
            try:
                for record in read(tmp_path, content):
                    assert isinstance(record, dict)
            except InputError as error:
                assert len(str(error)) < 1000


def test_written_files_have_npy_format_1(tmp_path):
    """NumPy before 1.26 has no numpy._core; NumPy 2 reads both. A caption that names the module is unchanged."""
    captions = {"positive": "a dog of numpy._core.multiarray", "negative": "a cat of numpy._core.multiarray"}
    rows = toy().head(1).with_columns(**{name: pl.lit(text) for name, text in captions.items()})
    ce_clip.write(rows, tmp_path / "out", FileNames({}))
    content = (tmp_path / "out" / "processed_dataset0.npy").read_bytes()
    names = [argument for opcode, argument, _ in pickletools.genops(content[128:]) if opcode.name == "GLOBAL"]
    assert names == ["numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"]
    (record,) = np.load(tmp_path / "out" / "processed_dataset0.npy", allow_pickle=True).tolist()
    assert (record["caption"], record["noun_aug_caption"]) == tuple(captions.values())
    assert read_objects(tmp_path / "out" / "processed_dataset0.npy", "") == [record]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"caption": "half \ud800 a pair"}, "'caption'"),
        ({"noun_aug_caption": "\ud83d"}, "'noun_aug_caption'"),
        ({"caption": "x" * 10**6, "noun_aug_caption": ["x" * 10**6]}, "a list of 1"),
        ({"valid_caption": [1, 0, 0, "x" * 10**6, 0]}, "a list of 5"),
        ({"valid_caption": "x" * 10**6}, "five values 0 or 1"),
        ({"valid_caption": [1, 0, 0, float("nan"), 0]}, "five values 0 or 1"),
        ({"image_id": True}, "'image_id'"),
        ({"image_id": 1.5}, "'image_id'"),
        ({"image_path": ""}, "'image_path'"),
    ],
)
def test_invalid_values_are_shortened_in_messages(tmp_path, wrong, words):
    (tmp_path / "x.npy").write_bytes(npy([RECORD, {**RECORD, **wrong}]))
    with pytest.raises(InputError, match=words) as caught:
        ce_clip.read(tmp_path / "x.npy")
    assert caught.value.record == "record 1"
    assert len(str(caught.value)) < 500
