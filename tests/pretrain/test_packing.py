"""Packed texts: each text attends only to its own tokens, and a shared prefix is stored once."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models import model_config

from nearmiss.engine.models import checkpoint
from nearmiss.engine.models.packing import Packed, Texts, pack
from nearmiss.engine.models.text import encode_texts

END = 9
texts_of_few_words = st.lists(st.lists(st.integers(1, 3), max_size=7), min_size=1, max_size=40)


def texts(lists: list[list[int]]) -> Texts:
    """Token ids with an end token, 0 after it."""
    ended = [[*each, END] for each in lists]
    tokens = np.zeros((len(ended), max(map(len, ended))), dtype=np.int64)
    for row, each in zip(tokens, ended, strict=True):
        row[: len(each)] = each
    return Texts(torch.from_numpy(tokens), torch.tensor([len(each) for each in ended]))


def read(packed: Packed, text: int) -> list[int]:
    """The tokens that the end of a text looks at, in the order of their depths."""
    row, number = divmod(int(packed.texts[text]), packed.ends.shape[1])
    seen = packed.seen[row, packed.ends[row, number]].nonzero().flatten()
    depths = packed.depths[row, seen]
    assert sorted(depths.tolist()) == list(range(len(seen)))
    return packed.tokens[row, seen[depths.argsort()]].tolist()


@settings(max_examples=150)
@given(texts_of_few_words, st.integers(1, 30))
def test_packed_texts_attend_only_to_their_own_tokens(lists, row):
    given_texts = texts(lists)
    packed = pack(given_texts, row)
    assert [read(packed, text) for text in range(len(lists))] == [[*each, END] for each in lists]
    assert packed.tokens.shape[1] <= max(row, int(given_texts.lengths.max()))
    assert packed.seen.diagonal(dim1=1, dim2=2).all()  # a place that looks at nothing would be no number


def test_a_common_prefix_of_texts_is_packed_once():
    packed = pack(texts([[1, 2, 3], [1, 2, 1], [1, 2, 3, 3], [1, 2, 3]]))
    assert packed.tokens.shape == (1, 8)  # 1 2 3 END, 1 END, 3 END
    assert packed.ends.shape == (1, 4)


def test_texts_without_a_common_prefix_fill_rows():
    packed = pack(texts([[1], [2], [3]]), row=4)
    assert packed.tokens.shape == (2, 4)


def test_packed_embeddings_equal_those_of_open_clip_for_any_row_length():
    model = checkpoint.fresh_model(model_config(text_layers=3), seed=0)
    vocabulary = model.token_embedding.num_embeddings
    ids = torch.randint(2, 5, (60, 12), generator=torch.Generator().manual_seed(0))
    lengths = torch.randint(2, 12, (60,), generator=torch.Generator().manual_seed(1))
    ids[torch.arange(60), lengths - 1] = vocabulary - 1
    ids[torch.arange(12) >= lengths.unsqueeze(1)] = 0
    theirs = model.encode_text(torch.nn.functional.pad(ids, (0, model.context_length - 12)), normalize=True)
    for row in (12, 40, 500):
        assert torch.allclose(encode_texts(model, pack(Texts(ids, lengths), row)), theirs, atol=1e-5)


def test_attention_to_another_text_changes_the_embedding():
    model = checkpoint.fresh_model(model_config(), seed=0)
    packed = pack(texts([[1, 2], [3, 2]]))
    blind = Packed(packed.tokens, packed.depths, torch.ones_like(packed.seen), packed.ends, packed.texts)
    assert not torch.allclose(encode_texts(model, packed), encode_texts(model, blind), atol=1e-3)
