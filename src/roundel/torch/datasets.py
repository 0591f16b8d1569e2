"""Data sets of tokens for training: by number, or as a stream that workers and ranks share without overlap."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from roundel.codecs.loading import load_model
from roundel.codecs.protocol import Model
from roundel.container import Kind
from roundel.errors import RoundelError
from roundel.tokens import Codes
from roundel.torch.stores import PathLike, locate, open_stores

Transform = Callable[[Tensor], Any]


class TokenDataset(Dataset[Any]):
    """Tokens by number, int64 (h, w, D): those of packs and files of roundel's, NumPy, zarr and Parquet.

    Neighbours of a chunk (a group of a pack, a row group of Parquet) are read together, and the chunk read last is
    kept. Of a pack in random order that decodes a whole group for each picture, unless a batch takes several of it:
    shuffle with `TokenStream`, or pack with a small `--group`.

    Args:
        sources: a path or several: .rndl (one picture or a pack), .npy, .zarr, .parquet, or folders of these.
        transform: what is done to the codes of a picture, such as `Tokenizer.codes_to_ids`.
        model: the name, id or path of the model that wrote .rndl files, if it is not one that ships.

    Raises:
        RoundelError: there are no tokens, or some cannot be read.
    """

    def __init__(
        self,
        sources: PathLike | Iterable[PathLike],
        transform: Transform | None = None,
        *,
        model: Model | int | str | None = None,
    ) -> None:
        self._stores = open_stores(sources, _loaded(model))
        self._starts = [0, *np.cumsum([store.bounds[-1] for store in self._stores]).tolist()]
        self._transform = transform
        self._last: tuple[tuple[int, int], Sequence[Codes]] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def labels(self) -> Tensor | None:
        """Labels of all pictures, int64 (N,), or None where a store has none.

        `torch.utils.data.StackDataset(tokens, tokens.labels)` gives pairs.
        """
        parts = [labels for store in self._stores if (labels := store.labels) is not None]
        return torch.from_numpy(np.concatenate(parts)) if len(parts) == len(self._stores) else None

    def __getitem__(self, number: int) -> Any:
        """Codes of one picture. Raises: IndexError; RoundelError, they cannot be read."""
        index = number + len(self) if number < 0 else number
        if not 0 <= index < len(self):
            raise IndexError(f"picture {number} of {len(self)}")
        where, place = self._place(index)
        return self._item(self._chunk(where)[place])

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        """Those of a batch, each chunk being read once; what a DataLoader calls."""
        found: dict[int, Any] = {}
        for number in sorted(set(numbers)):
            found[number] = self[number]
        return [found[number] for number in numbers]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

    def _place(self, index: int) -> tuple[tuple[int, int], int]:
        """Store and chunk of a picture, and its place in the chunk."""
        store, inside = locate(self._starts, index)
        chunk, place = locate(self._stores[store].bounds, inside)
        return (store, chunk), place

    def _chunk(self, where: tuple[int, int]) -> Sequence[Codes]:
        if self._last is None or self._last[0] != where:
            self._last = where, self._stores[where[0]].read(where[1])
        return self._last[1]

    def _item(self, codes: Codes) -> Any:
        return _item(codes, self._transform)


class TokenStream(IterableDataset[Any]):
    """The same tokens one after another; each worker and rank gets its own part, in the order of one shuffle.

    Every chunk is read once in an epoch, so that packs are quick. Ranks get equally many pictures: of N, at most
    ranks − 1 are left out, others in each epoch.

    Args:
        sources, transform, model: as for `TokenDataset`.
        seed: of the shuffle; None for the order of the sources.
        mix: chunks whose pictures are shuffled together, held in memory at once.
        rank, ranks: the part of this process; None for what torch.distributed says, or the environment of torchrun.
    """

    def __init__(
        self,
        sources: PathLike | Iterable[PathLike],
        transform: Transform | None = None,
        *,
        seed: int | None = None,
        mix: int = 16,
        rank: int | None = None,
        ranks: int | None = None,
        model: Model | int | str | None = None,
    ) -> None:
        self._stores = open_stores(sources, _loaded(model))
        self._transform, self._seed, self._mix = transform, seed, max(1, mix)
        self._rank, self._ranks = _share(rank, ranks)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by workers that live on

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of an epoch; call it before each, as of torch's DistributedSampler."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Pictures of this rank in an epoch."""
        return int(sum(store.bounds[-1] for store in self._stores)) // self._ranks

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        first = self._rank * len(self)
        start, stop = (first + len(self) * part // workers for part in (number, number + 1))
        for codes in self._span(start, stop, int(self._epoch)):
            yield _item(codes, self._transform)

    def _span(self, start: int, stop: int, epoch: int) -> Iterator[Codes]:
        """Pictures start … stop − 1 of the epoch's order of chunks, shuffled within some chunks at a time."""
        chunks = [(store, chunk) for store in self._stores for chunk in range(len(store.bounds) - 1)]
        if self._seed is not None:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(chunks))
            chunks = [chunks[number] for number in order]
        ends = np.cumsum([store.bounds[chunk + 1] - store.bounds[chunk] for store, chunk in chunks])
        low, high = np.searchsorted(ends, start, "right"), np.searchsorted(ends, stop, "left") + 1
        for window in range(int(low), int(high) if stop > start else int(low), self._mix):
            held: list[Codes] = []
            for number in range(window, min(window + self._mix, int(high))):
                store, chunk = chunks[number]
                codes = store.read(chunk)
                begin = int(ends[number]) - len(codes)
                held += codes[max(0, start - begin) : max(0, stop - begin)]
            if self._seed is not None:
                mixed = np.random.default_rng([self._seed, epoch, start, window]).permutation(len(held))
                held = [held[place] for place in mixed]
            yield from held


def _item(codes: Codes, transform: Transform | None) -> Any:
    tensor = torch.from_numpy(codes.astype(np.int64))
    return tensor if transform is None else transform(tensor)


def _loaded(model: Model | int | str | None) -> Model | None:
    return load_model(model, kind=Kind.TOKENS) if isinstance(model, int | str) else model


def _share(rank: int | None, ranks: int | None) -> tuple[int, int]:
    """Which part of how many. Raises: RoundelError."""
    if (rank is None) != (ranks is None):
        raise RoundelError("rank and ranks go together: give both, or neither")
    if rank is None or ranks is None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if not 0 <= rank < ranks:
        raise RoundelError(f"rank {rank} of {ranks} is out of range: give 0 to {ranks - 1}")
    return rank, ranks
