"""The models that ship: a permanent id for each, its weights file, its class. NumPy loads when a model is asked for."""

import hashlib
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from roundel.container import Kind
from roundel.errors import ModelError

if TYPE_CHECKING:
    from roundel.codecs.protocol import Model

WEIGHTS = Path(__file__).parent.parent / "weights"
ARCHITECTURES = {
    "pyramid/1": "roundel.codecs.pyramid.codec:PyramidModel",
    "wavelet/4": "roundel.codecs.wavelet.codec:WaveletModel",
    "tokens/1": "roundel.codecs.tokens.codec:TokenModel",
}
"""What reads weights of each architecture, as module:class; the class offers `load(weights, name, model_id) -> Model`.

Weights files name the key, which is for ever; the value may move.
"""
CUSTOM_ID = 0xFFFF
"""Id of every model that is not in the table: the weights hash in the file tells them apart."""


class Entry(NamedTuple):
    """One published model. An id is never given to other weights, not even after its model is gone: files name it.

    Ids 1 … 23, 26 … 28, 30, 32 … 42, 45 and 46 are such: models that were there before the first release.
    """

    id: int
    name: str
    kind: Kind
    advice: str = ""
    """What it is for, in a few words."""
    successor: str = ""
    """The model that is better at all it was for; it stays for the sake of its files, and is chosen by name only."""

    @property
    def weights(self) -> Path:
        """The safetensors file; the card beside it has the suffix .toml."""
        return WEIGHTS / f"{self.name}.safetensors"

    def card(self) -> dict[str, Any]:
        """What the weights are: data, command, seed, commit, figures; empty where there is no card."""
        path = self.weights.with_suffix(".toml")
        return _toml(path) if path.exists() else {}


ENTRIES = (
    Entry(44, "photo-wavelet", Kind.LOSSY, "photos and other pictures"),
    Entry(25, "photo-fast", Kind.LOSSLESS, "the quickest: encode --lossless --effort 0"),
    Entry(47, "cifar", Kind.LOSSLESS, "packs of pictures of 32 × 32 pixels"),
    Entry(24, "photo", Kind.LOSSLESS, "photos and other pictures"),
    Entry(43, "histology", Kind.LOSSLESS, "slides of stained tissue"),
    Entry(48, "photo-tokens", Kind.TOKENS, "integers for learning from photos"),
    Entry(49, "cifar-tokens", Kind.TOKENS, "integers for pictures of 32 × 32 pixels"),
)
DEFAULTS = {Kind.LOSSY: "photo-wavelet", Kind.LOSSLESS: "photo", Kind.TOKENS: "photo-tokens"}


def entries() -> tuple[Entry, ...]:
    """All published models, by id."""
    return tuple(sorted(ENTRIES))


def current(kind: Kind) -> list[Entry]:
    """Those of a kind to choose from: with weights, and not succeeded by another."""
    return [e for e in entries() if e.kind is kind and not e.successor and e.weights.is_file()]


def default(kind: Kind) -> str:
    """Name of the model of this kind that is used unless another is asked for.

    Raises:
        ModelError: there is none.
    """
    if kind not in DEFAULTS:
        raise ModelError(f"no {kind.name.lower()} model is published yet; name one with --model")
    return DEFAULTS[kind]


def find(model: int | str) -> Entry | None:
    """The entry with this name or id, if there is one."""
    return next((e for e in ENTRIES if model in (e.id, e.name)), None)


def get(model: int | str) -> "Model":
    """A model by id, by name, or by the path of a weights file; loaded once.

    Raises:
        ModelError: unknown, or its weights are missing or damaged.
    """
    entry = find(model)
    if entry is not None:
        return _load(entry.weights, entry.name, entry.id)
    if isinstance(model, str) and model.endswith(".safetensors"):
        return _load(Path(model), Path(model).stem, CUSTOM_ID)
    known = ", ".join(f"{e.name} ({e.id})" for e in entries())
    what = "a model that is not published: name its weights file with --model" if model == CUSTOM_ID else "unknown"
    raise ModelError(f"model {model!r} is {what}; known: {known}; or give the path of a .safetensors file")


def weights_hash(path: Path) -> bytes:
    """The 8 bytes by which files name these weights: the start of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).digest()[:8]


@lru_cache(maxsize=8)
def _load(path: Path, name: str, model_id: int) -> "Model":
    from roundel.codecs.weights import read

    if not path.is_file():
        raise ModelError(f"{path}: the weights of model {name} are missing")
    weights = read(path)
    if weights.architecture not in ARCHITECTURES:
        raise ModelError(
            f"{path}: of the architecture {weights.architecture!r}; known here: {', '.join(ARCHITECTURES)}; "
            "a newer version of roundel may know it"
        )
    module, _, attribute = ARCHITECTURES[weights.architecture].partition(":")
    return getattr(import_module(module), attribute).load(weights, name=name, model_id=model_id)


def _toml(path: Path) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib  # type: ignore[no-redef]
    return tomllib.loads(path.read_text(encoding="utf-8"))
