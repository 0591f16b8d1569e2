"""Where tokens of many pictures lie: packs and files of roundel's, arrays of NumPy and zarr, Parquet."""

import os
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roundel import container
from roundel.arguments import named
from roundel.codecs.protocol import Model
from roundel.codecs.tokens.codec import TokenModel
from roundel.container import Kind, Source
from roundel.container.format import PREFIX_BYTES
from roundel.errors import ModelError, RoundelError, UnsupportedError
from roundel.loaded import codec_of
from roundel.tokens import Codes, tokenize

SUFFIXES = (".rndl", ".npy", ".parquet", ".zarr")
STEP = 64
"""Pictures of an array in memory that are read together."""

PathLike = str | os.PathLike[str]


class Store(Protocol):
    """Tokens of some pictures, read by chunks of neighbours. Pickles without its open files."""

    @property
    def bounds(self) -> Sequence[int]:
        """Chunk c holds the pictures bounds[c] … bounds[c + 1] − 1; so the last is how many there are."""
        ...

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,), where the store has labels."""
        ...

    def read(self, chunk: int) -> Sequence[Codes]:
        """Tokens (h, w, D) of each picture of a chunk. Raises: RoundelError, they cannot be read."""
        ...


class OneFile:
    """The tokens of one picture, in a .rndl file."""

    bounds = (0, 1)
    labels = None

    def __init__(self, path: Path, model: Model | None) -> None:
        self._path, self._model = path, model

    def read(self, chunk: int) -> Sequence[Codes]:
        """See `Store.read`."""
        return [tokenize(self._path, model=self._model)]


class PackFile:
    """A pack of tokens; a chunk is a group that was coded together."""

    def __init__(self, path: Path, model: Model | None) -> None:
        self._path, self._model = path, model
        pack = self._pack
        if pack.header.kind is not Kind.TOKENS:
            raise UnsupportedError("its pictures are not kept as tokens: pack them with a model of tokens")
        self.bounds = _steps(len(pack), pack.group)
        self.labels = None if pack.labels is None else np.array(pack.labels, np.int64)

    @cached_property
    def _pack(self) -> container.Pack:
        return container.read_pack(Source(open(self._path, "rb")))  # held open, like a memory map

    @cached_property
    def _codec(self) -> TokenModel:
        model = codec_of(self._pack.header, self._model).model
        if not isinstance(model, TokenModel):
            raise ModelError(f"model {model.name} makes no tokens")
        return model

    def read(self, chunk: int) -> Sequence[Codes]:
        """See `Store.read`."""
        pack, images = self._pack, self._pack.images(chunk)
        width, height = pack.size(images[0])
        codes = self._codec.decode_codes(pack.passes(chunk), len(images), height, width)
        return list(codes.transpose(0, 2, 3, 1))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_pack", "_codec")}


class NumpyArray:
    """An array (h, w, D), or (N, h, w, D) of many, in NumPy's format; mapped into memory."""

    labels = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self.bounds = _steps(self._array.shape[0], STEP)

    @cached_property
    def _array(self) -> Any:
        try:
            return _many(np.load(self._path, mmap_mode="r", allow_pickle=False))
        except ValueError as error:
            raise UnsupportedError(f"not an array in NumPy's format: {error}") from None

    def read(self, chunk: int) -> Sequence[Codes]:
        """See `Store.read`."""
        return list(np.asarray(self._array[self.bounds[chunk] : self.bounds[chunk + 1]]))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_array"}


class ZarrArray(NumpyArray):
    """The same as a zarr array; chunks are those of its first axis."""

    def __init__(self, path: Path) -> None:
        self._path = path
        chunks = getattr(self._array, "chunks", None)  # an array in memory, of one picture, has none
        self.bounds = _steps(self._array.shape[0], int(chunks[0]) if chunks else STEP)

    @cached_property
    def _array(self) -> Any:
        try:
            import zarr
        except ImportError:
            raise UnsupportedError("zarr arrays need the package zarr: pip install 'roundel[zarr]'") from None
        try:
            found: Any = zarr.open(str(self._path), mode="r")
        except Exception as error:  # whatever the library says
            raise UnsupportedError(f"cannot be opened by zarr: {error}") from error
        if not hasattr(found, "shape"):
            raise UnsupportedError("a group of zarr, not an array: name the array in it")
        return _many(found[...] if found.ndim == 3 else found)


class ParquetFile:
    """Rows of Parquet as `roundel batch --do tokenize` writes them, a row a picture; a chunk is a row group."""

    labels = None

    def __init__(self, path: Path) -> None:
        self._path = path
        parquet = _parquet()
        try:
            found = parquet.read_metadata(path)
            names = set(parquet.read_schema(path).names)
        except Exception as error:  # pyarrow's own derive from several
            raise UnsupportedError(f"cannot be read as Parquet: {error}") from error
        if not {"codes", "shape"} <= names:
            raise UnsupportedError("Parquet without the columns codes and shape, which tokens are kept in")
        rows = [found.row_group(group).num_rows for group in range(found.num_row_groups)]
        self.bounds = [0, *np.cumsum(rows).tolist()]
        if "label" in names:
            self.labels = parquet.read_table(path, columns=["label"])["label"].to_numpy().astype(np.int64)

    def read(self, chunk: int) -> Sequence[Codes]:
        """See `Store.read`."""
        with _parquet().ParquetFile(self._path) as file:  # opened anew: its threads do not survive a fork
            table = file.read_row_group(chunk, columns=["codes", "shape"], use_threads=False)
        flat = table["codes"].combine_chunks()
        values, starts = flat.values.to_numpy(zero_copy_only=False), flat.offsets.to_numpy()
        shapes = table["shape"].to_pylist()
        try:
            return [
                values[start:][: np.prod(shape)].reshape(shape) for start, shape in zip(starts, shapes, strict=False)
            ]
        except (ValueError, TypeError) as error:
            raise UnsupportedError(f"{self._path}: shapes and codes do not fit each other: {error}") from None


def open_stores(sources: PathLike | Iterable[PathLike], model: Model | None = None) -> list[Store]:
    """The stores that paths name, those in folders by name.

    Args:
        sources: a path or several: files, zarr arrays, or folders with such in them, at any depth.
        model: of .rndl files, the model that wrote them if it is not one that ships.

    Raises:
        RoundelError: there is none, or one cannot be opened; it is named.
    """
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    found = [path for source in paths for path in _paths(Path(source))]
    if not found:
        raise UnsupportedError(f"{', '.join(map(str, paths)) or 'no path'}: no tokens here ({', '.join(SUFFIXES)})")
    return [_open(path, model) for path in found]


def locate(bounds: Sequence[int], number: int) -> tuple[int, int]:
    """The part that holds a number, and its place in the part, where part p begins at bounds[p].

    Example:
        >>> locate([0, 10, 12], 11)
        (1, 1)
    """
    part = bisect_right(bounds, number) - 1
    return part, number - bounds[part]


def _paths(source: Path) -> list[Path]:
    if source.suffix.lower() == ".zarr" or not source.is_dir():
        return [source]
    inside: list[Path] = []
    for top, folders, names in os.walk(source):
        inside += [Path(top, name) for name in [*folders, *names] if name.lower().endswith(SUFFIXES)]
        folders[:] = [name for name in folders if not name.startswith(".") and not name.lower().endswith(".zarr")]
    return sorted(path for path in inside if not path.name.startswith("."))


def _open(path: Path, model: Model | None) -> Store:
    suffix = path.suffix.lower()
    try:
        if suffix == ".zarr":
            return ZarrArray(path)
        with named(path), open(path, "rb") as file:
            start, size = file.read(PREFIX_BYTES), os.fstat(file.fileno()).st_size
        if suffix == ".npy":
            return NumpyArray(path)
        if suffix == ".parquet":
            return ParquetFile(path)
        info = container.read_info(start, size)
        if info.header.kind is not Kind.TOKENS:
            raise UnsupportedError(f"a {info.header.kind.name.lower()} file holds no tokens")
        return PackFile(path, model) if info.pack else OneFile(path, model)
    except RoundelError as error:
        raise error if str(path) in str(error) else type(error)(f"{path}: {error}") from error


def _many(array: Any) -> Any:
    """An array of several pictures. Raises: UnsupportedError."""
    if array.ndim not in (3, 4) or array.dtype.kind not in "iu":
        raise UnsupportedError(f"tokens are integers (h, w, D) or (N, h, w, D), not {array.dtype} {tuple(array.shape)}")
    return array if array.ndim == 4 else array[None]


def _steps(count: int, step: int) -> list[int]:
    return [*range(0, count, step), count]


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise UnsupportedError("Parquet needs the package pyarrow: pip install 'roundel[ray]'") from None
    return pyarrow.parquet
