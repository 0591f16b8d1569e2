"""The tokeniser on tensors says what `roundel.tokenize` says, there and back, as vectors and as single numbers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

import roundel
from roundel.errors import ModelError, RoundelError
from tests.test_codec import scene


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return roundel.load_tokenizer()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.from_numpy(np.stack([scene(20, 30, seed=seed) for seed in range(2)])).permute(0, 3, 1, 2)


def test_codes_and_pictures_are_those_of_arrays(tokenizer, images) -> None:  # type: ignore[no-untyped-def]
    arrays = images.permute(0, 2, 3, 1).numpy()
    codes = tokenizer.encode(images)
    assert codes.dtype == torch.int64
    assert np.array_equal(codes.numpy(), roundel.tokenize(arrays))
    back = tokenizer.decode(codes, shape=images.shape[-2:])
    assert back.dtype == torch.uint8
    assert np.array_equal(back.permute(0, 2, 3, 1).numpy(), roundel.detokenize(codes.numpy(), size=(30, 20)))
    assert tokenizer.decode(codes).shape == (2, 3, 24, 32)
    assert torch.equal(tokenizer.encode(images / 255), codes)
    assert torch.equal(tokenizer.decode(codes, shape=(20, 30), dtype=torch.float32), back / 255)


def test_numbers_of_tokens_count_in_mixed_radix(tokenizer) -> None:  # type: ignore[no-untyped-def]
    levels = tokenizer.levels
    assert tokenizer.vocabulary == np.prod([int(n) for n in levels], dtype=object)
    first = torch.zeros(1, len(levels), dtype=torch.int64)
    second, last = first.clone(), torch.tensor([levels]) - 1
    second[0, 1] = 1
    ids = tokenizer.codes_to_ids(torch.cat([first, second, last]))
    assert ids.tolist() == [0, levels[0], tokenizer.vocabulary - 1]
    assert torch.equal(tokenizer.ids_to_codes(ids), torch.cat([first, second, last]))
    with pytest.raises(ModelError, match="within the levels"):
        tokenizer.codes_to_ids(last + 1)
    with pytest.raises(ModelError, match="from 0 to"):
        tokenizer.ids_to_codes(torch.tensor([tokenizer.vocabulary]))


def test_a_model_of_too_many_tokens_for_one_number_says_so() -> None:
    other = roundel.load_tokenizer("cifar-tokens")
    codes = other.encode(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ModelError, match="64 dimensions"):
        other.codes_to_ids(codes)


def test_it_can_be_pickled(tokenizer, images) -> None:  # type: ignore[no-untyped-def]
    again = pickle.loads(pickle.dumps(tokenizer))
    assert torch.equal(again.encode(images), tokenizer.encode(images))


def test_wrong_arguments_are_one_line(tokenizer, images) -> None:  # type: ignore[no-untyped-def]
    codes = tokenizer.encode(images)
    for call in (
        lambda: roundel.load_tokenizer("photo-wavelet"),
        lambda: roundel.load_tokenizer("nowhere"),
        lambda: tokenizer.encode(images[0]),
        lambda: tokenizer.encode(images.numpy()),
        lambda: tokenizer.encode(images.float()),  # from 0 to 255
        lambda: tokenizer.encode(images.expand(2, 3, 20, 30)[:0]),
        lambda: tokenizer.decode(codes[0]),
        lambda: tokenizer.decode(codes.float()),
        lambda: tokenizer.decode(codes + 1000),
        lambda: tokenizer.decode(codes, shape=(200, 30)),
        lambda: tokenizer.decode(codes, dtype=torch.int64),
        lambda: tokenizer.codes_to_ids(codes[..., :3]),
    ):
        with pytest.raises(RoundelError):
            call()


def test_without_pytorch_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None\nimport roundel\nroundel.load_tokenizer()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'roundel[train]'" in done.stderr.splitlines()[-1]
