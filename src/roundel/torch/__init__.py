"""roundel for PyTorch: tokenisers on batches of tensors, and data sets of tokens for training."""

from roundel.torch.datasets import TokenDataset, TokenStream
from roundel.torch.tokenizer import Tokenizer

__all__ = ["TokenDataset", "TokenStream", "Tokenizer"]
