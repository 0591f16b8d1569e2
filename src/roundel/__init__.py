"""Learned image compression in real files: pictures in, bytes out, and back.

    data = roundel.encode("photo.png", quality=60)
    image = roundel.decode(data)

`encode`, `decode` and `decode_array` take whole pictures, `open` looks at parts of large ones, `pack` and `unpack` keep
many small ones, `tokenize` and `detokenize` turn pictures into integers, `info` says what a file holds. What goes wrong
is a `RoundelError`. Names load on first use, so that importing costs nothing. Where Pillow is loaded already, it opens
and saves .rndl files from now on, as after `import roundel.pillow`.
"""

import sys

from roundel._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roundel.codec import decode, decode_array, encode, info, load_model
    from roundel.errors import RoundelError, RoundelWarning
    from roundel.opening import OpenFile, open
    from roundel.packs import pack, unpack
    from roundel.slides import Slide, open_slide
    from roundel.tokenizer import load_tokenizer
    from roundel.tokens import detokenize, tokenize

_HOME = {
    "encode": "codec",
    "decode": "codec",
    "decode_array": "codec",
    "info": "codec",
    "load_model": "codec",
    "open": "opening",
    "OpenFile": "opening",
    "open_slide": "slides",
    "Slide": "slides",
    "pack": "packs",
    "unpack": "packs",
    "tokenize": "tokens",
    "load_tokenizer": "tokenizer",
    "detokenize": "tokens",
    "RoundelError": "errors",
    "RoundelWarning": "errors",
}

__all__ = [
    "OpenFile",
    "RoundelError",
    "RoundelWarning",
    "Slide",
    "__version__",
    "decode",
    "decode_array",
    "detokenize",
    "encode",
    "info",
    "load_model",
    "load_tokenizer",
    "open",
    "open_slide",
    "pack",
    "tokenize",
    "unpack",
]


if "PIL.Image" in sys.modules:
    from roundel import pillow  # noqa: F401


def __getattr__(name: str) -> object:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"roundel.{_HOME[name]}"), name)
    raise AttributeError(f"module 'roundel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
