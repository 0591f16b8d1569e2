"""Learned image compression in real files. Names load on first use, so that importing costs nothing."""

from typing import TYPE_CHECKING, Any

from roundel._version import __version__

if TYPE_CHECKING:
    from roundel.codec import decode, decode_array, encode, info, load_model
    from roundel.tokens import detokenize, tokenize

_HOME = dict.fromkeys(("encode", "decode", "decode_array", "info", "load_model"), "roundel.codec")
_HOME |= dict.fromkeys(("detokenize", "tokenize"), "roundel.tokens")

__all__ = ["__version__", "decode", "decode_array", "detokenize", "encode", "info", "load_model", "tokenize"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'roundel' has no attribute {name!r}")
