"""Files that hold their own hash: fingerprints and costs. A change of any bit is found, and an old file is read."""

import json

import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.fingerprint_file import read_fingerprint, write_fingerprint
from nearmiss.base.json_digest import with_digest, without_digest
from nearmiss.base.manifest import Cost, read_cost

CONTENT = {"stage": "negatives", "config": {"shared": {"seed": 3, "rate": 1e-05}}, "code": "c" * 64, "lock": "l"}


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def test_a_fingerprint_is_written_only_when_its_content_changes(tmp_path):
    file = tmp_path / "fingerprint" / "one.json"
    assert write_fingerprint(file, CONTENT)
    assert not write_fingerprint(file, CONTENT)
    assert write_fingerprint(file, CONTENT | {"stage": "two"})
    assert read_fingerprint(file) == CONTENT | {"stage": "two"}
    file.write_text("damaged")
    assert write_fingerprint(file, CONTENT)


def test_every_flipped_bit_of_a_fingerprint_is_found_or_changes_nothing(tmp_path):
    file = tmp_path / "one.json"
    write_fingerprint(file, CONTENT)
    whole, found = file.read_bytes(), 0
    for place in range(len(whole)):
        for bit in range(8):
            file.write_bytes(flipped(whole, place, bit))
            try:
                assert read_fingerprint(file) == CONTENT, (place, bit)
            except InputError as error:
                assert error.file == file and error.remedy
                found += 1
    assert found > 0.95 * 8 * len(whole)


def test_an_edited_fingerprint_is_refused_and_one_without_a_hash_is_read(tmp_path):
    file = tmp_path / "one.json"
    write_fingerprint(file, CONTENT)
    write_json(file, read_json(file) | {"code": "d" * 64})
    with pytest.raises(InputError, match="is damaged or edited"):
        read_fingerprint(file)
    write_json(file, CONTENT)
    assert read_fingerprint(file) == CONTENT
    assert not write_fingerprint(file, CONTENT)  # not newer than the results that were made with it
    for other in ({**CONTENT, "more": 1}, {"stage": "data"}, [1]):
        write_json(file, other)
        with pytest.raises(InputError, match="no fingerprint file"):
            read_fingerprint(file)


def test_a_cost_with_a_flipped_bit_is_refused(tmp_path):
    cost = Cost()
    cost.counts["of_length"] = {2: 1, 10: 3}  # JSON has names as text, which are sorted otherwise
    cost.write(tmp_path)
    file = tmp_path / "cost.json"
    assert read_cost(file)["of_length"] == {"2": 1, "10": 3}
    assert set(json.loads(file.read_text())) - set(read_cost(file)) == {"sha256"}
    whole = file.read_bytes()
    file.write_bytes(flipped(whole, whole.index(b'seconds": ') + len(b'seconds": '), 0))
    with pytest.raises(InputError, match="cost file is damaged"):
        read_cost(file)
    file.write_text('{"seconds": 2.0}')
    assert read_cost(file) == {"seconds": 2.0}


def test_a_digest_is_of_the_content_and_not_of_its_order():
    value = with_digest({"b": 1.5, "a": "\u2028"})
    assert without_digest(dict(reversed(value.items()))) == ({"a": "\u2028", "b": 1.5}, True)
    assert without_digest(value | {"b": 1.25}) == ({"a": "\u2028", "b": 1.25}, False)
