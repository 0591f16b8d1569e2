"""The tokeniser for PyTorch, loaded by name: what `roundel.load_tokenizer` does."""

from typing import TYPE_CHECKING

from roundel import arguments
from roundel.codecs.loading import resolve
from roundel.codecs.protocol import Model
from roundel.codecs.tokens.codec import TokenModel
from roundel.container import Kind
from roundel.errors import ModelError, UnsupportedError

if TYPE_CHECKING:
    from roundel.torch.tokenizer import Tokenizer


def load_tokenizer(model: Model | int | str | None = None, *, jobs: int = 1) -> "Tokenizer":
    """A tokeniser on batches of PyTorch's tensors, with `encode`, `decode`, `levels`, and numbers for whole tokens.

    Args:
        model: name, id, or path of a weights file of tokens, or a loaded model; None for the default.
        jobs: tiles of a large picture worked on at the same time.

    Raises:
        ModelError: there is no such model, or it makes no tokens.
        UnsupportedError: PyTorch is not installed.

    Example:
        >>> load_tokenizer("cifar-tokens").patch_px
        32
    """
    jobs = arguments.whole_number(jobs, "jobs", 1, 256)
    found = resolve(model, Kind.TOKENS)
    if not isinstance(found, TokenModel):
        raise ModelError(f"model {found.name} is {found.kind.name.lower()}, it makes no tokens; see `roundel models`")
    try:
        from roundel.torch.tokenizer import Tokenizer
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnsupportedError("load_tokenizer needs PyTorch: pip install 'roundel[train]'") from None
    return Tokenizer(found, jobs)
