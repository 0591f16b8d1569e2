"""Who may import whom: the rooms of the package, the libraries of each, and the few exceptions by name.

A room is a prefix of module names below `roundel`; a module stands in the longest that fits. Some rooms are single
modules that stand above their neighbours, such as `codecs.zoo`.
"""

from typing import NamedTuple


class Room(NamedTuple):
    """What modules of a room may import besides each other and the standard library."""

    rooms: frozenset[str]
    libraries: frozenset[str]


def _room(rooms: str = "", libraries: str = "") -> Room:
    return Room(frozenset(rooms.split()), frozenset(libraries.split()))


WHOLE = frozenset(
    {"arguments", "boxes", "codec", "decoding", "deep", "encoding", "estimate", "facts", "kept", "loaded", "names"}
    | {"opening", "packing", "packs", "restore", "scans", "slides", "target"}
    | {"soundness", "tiling", "tokenizer", "tokens"}
)
"""Modules at the root of the package, on whole pictures: together the room `whole`."""

_ARRAYS = "errors container coding engine image"
_CODECS = f"{_ARRAYS} codecs codecs.zoo codecs.loading codecs.selection"
_FAMILIES = "codecs.pyramid codecs.wavelet codecs.tokens"
_PRODUCT = f"{_CODECS} {_FAMILIES} _version atomic whole public measure measure.metrics measure.ssimulacra2"

ROOMS: dict[str, Room] = {
    # The product.
    "errors": _room(),
    "_version": _room(),
    "atomic": _room("errors"),
    "container": _room("errors", "numpy"),
    "coding": _room("errors", "numpy constriction"),
    "engine": _room("errors", "numpy onnxruntime"),
    "image": _room("errors atomic", "numpy PIL openslide"),
    "codecs": _room(_ARRAYS, "numpy safetensors"),
    "codecs.pyramid": _room(f"{_ARRAYS} codecs", "numpy PIL"),
    "codecs.wavelet": _room(f"{_ARRAYS} codecs", "numpy"),
    "codecs.tokens": _room(f"{_ARRAYS} codecs", "numpy"),
    "codecs.zoo": _room(f"{_ARRAYS} codecs", "numpy safetensors tomli"),
    "codecs.loading": _room(f"{_ARRAYS} codecs codecs.zoo", "numpy"),
    "codecs.selection": _room(f"{_ARRAYS} codecs codecs.zoo codecs.loading", "numpy"),
    "whole": _room(f"{_CODECS} {_FAMILIES} atomic measure.metrics measure.ssimulacra2", "numpy PIL"),
    "public": _room("_version errors whole pillow"),
    "pillow": _room("plugins.pillow", "PIL"),
    "plugins": _room(),
    "plugins.pillow": _room("errors container image whole", "numpy PIL"),
    "plugins.chunks": _room("errors container image codecs.loading codecs.zoo whole", "numpy"),
    "plugins.slides": _room("errors container image whole", "numpy tifffile zarr"),
    "plugins.zarr": _room("errors plugins.chunks whole", "numpy zarr"),
    "plugins.numcodecs": _room("errors plugins.chunks", "numpy numcodecs"),
    "measure.metrics": _room("errors", "numpy"),
    "measure.ssimulacra2": _room("errors", "numpy PIL ssimulacra2"),
    "measure": _room(
        f"{_CODECS} whole public atomic _version measure.metrics measure.ssimulacra2",
        "numpy PIL imagecodecs matplotlib",
    ),
    "cluster": _room(f"{_CODECS} atomic whole", "numpy ray pyarrow fsspec"),
    "cli": _room(f"{_PRODUCT} cluster viewer plugins.slides", "numpy PIL click tqdm skimage uvicorn"),
    "viewer": _room(_PRODUCT, "starlette"),
    "__main__": _room("cli"),
    # The workshop.
    "training": _room(_PRODUCT, "torch numpy PIL safetensors tqdm"),
    "training.configuration": _room("errors training", "tomli"),
    "training.graphs": _room("errors engine", "numpy onnx"),
    "lab": _room(f"{_PRODUCT} training training.configuration", "torch numpy PIL safetensors matplotlib"),
    "torch": _room(_PRODUCT, "torch numpy zarr pyarrow"),
    "training.recipes": _room(f"{_PRODUCT} training training.configuration lab", "torch numpy safetensors"),
}
# What the families of the workshop export with, too.
ROOMS["training"] = Room(
    ROOMS["training"].rooms | {"training.configuration", "training.graphs"}, ROOMS["training"].libraries
)

WORKSHOP = ("training", "lab", "torch")
WORKSHOP_LIBRARIES = frozenset({"torch", "onnx", "tensorboard", "scipy"})

DOORS: dict[str, frozenset[str]] = {
    "tokenizer": frozenset({"torch"}),
    "cli.train": frozenset({"training", "training.recipes", "training.configuration", "torch"}),
    "cli.lab": frozenset({"training", "lab", "torch"}),
}
"""The commands of the workshop, and the tokeniser for PyTorch: what they may import, inside their functions only."""

BY_NAME = frozenset({"", "cli.main", "codecs.zoo", "training.quantizers.table", "training.recipes", "lab.frechet"})
"""Modules that import by a name that they compute: the lazy root, the commands, registered architectures, a quantiser
or a network of the user's own, recipes."""

LIGHT = frozenset({"errors", "_version", "atomic"})
"""What commands may import before they are called, besides each other."""

FAMILY_FILES = frozenset({"codec", "walk", "symbols", "nets", "stored"})
"""What each folder of `codecs` has, by the same names for the same roles."""

NO_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})
"""Names of modules that say nothing."""

LONGEST = 300
"""Lines of a module."""
