"""Data sets of tokens: every store gives what it holds, and a stream gives every picture once, however it is shared."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, StackDataset

import roundel
from roundel.errors import RoundelError
from roundel.torch import TokenDataset, TokenStream
from tests.test_codec import scene

COUNT = 10


def plain(name: str, codes: np.ndarray, folder: Path) -> Path:
    """A store of the codes (N, h, w, D)."""
    path = folder / f"set.{name}"
    if name == "npy":
        np.save(path, codes)
    elif name == "zarr":
        zarr = pytest.importorskip("zarr")
        zarr.create_array(str(path), data=codes, chunks=(4, *codes.shape[1:]))
    else:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        rows = [{"codes": one.ravel().tolist(), "shape": list(one.shape), "label": k} for k, one in enumerate(codes)]
        schema = arrow.schema(
            [("codes", arrow.list_(arrow.uint8())), ("shape", arrow.list_(arrow.int32())), ("label", arrow.int64())]
        )
        parquet.write_table(arrow.Table.from_pylist(rows, schema), path, row_group_size=4)
    return path


def numbered(count: int = COUNT) -> np.ndarray:
    """Codes (count, 2, 3, 4) whose entries say which picture they are of."""
    return np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros((2, 3, 4), np.uint8)


def seen(items: object) -> list[int]:
    """The pictures among items, by their entries."""
    return [int(item.flatten()[0]) for item in items]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["npy", "zarr", "parquet"])
def test_stores_of_arrays(name: str, tmp_path: Path) -> None:
    codes = numbered()
    tokens = TokenDataset(plain(name, codes, tmp_path))
    assert len(tokens) == COUNT
    assert tokens[3].dtype == torch.int64
    assert all(np.array_equal(tokens[k].numpy(), codes[k]) for k in (0, 9, 4, -1))
    with pytest.raises(IndexError):
        tokens[COUNT]
    assert seen(TokenStream(tmp_path)) == list(range(COUNT))
    loader = DataLoader(tokens, batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert seen(loader) == list(range(COUNT))


def test_one_picture_in_an_array(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    np.save(tmp_path / "one.npy", numbered(4)[3])
    zarr.create_array(str(tmp_path / "one.zarr"), data=numbered(5)[4])
    assert seen(TokenDataset(tmp_path)) == [3, 4]
    with pytest.raises(RoundelError, match=r"group\.zarr: a group of zarr"):
        TokenDataset(zarr.create_group(str(tmp_path / "group.zarr")).store.root)


def test_packs_and_files(tmp_path: Path) -> None:
    pictures = np.stack([scene(16, 24, seed=seed) for seed in range(5)])
    expected = roundel.tokenize(pictures)
    pack = roundel.pack(pictures[:4], labels=[7, 8, 9, 6], model="photo-tokens", group=3)
    (tmp_path / "a.rndl").write_bytes(pack)
    tokens = TokenDataset(tmp_path / "a.rndl")
    assert tokens.labels is not None
    assert tokens.labels.tolist() == [7, 8, 9, 6]
    pairs = next(iter(DataLoader(StackDataset(tokens, tokens.labels), batch_size=4)))
    assert np.array_equal(pairs[0].numpy(), expected[:4])
    assert pairs[1].tolist() == [7, 8, 9, 6]

    (tmp_path / "b.rndl").write_bytes(roundel.encode(pictures[4], model="photo-tokens"))
    both = TokenDataset(tmp_path)
    assert both.labels is None
    for context in ("fork", "spawn"):
        loader = DataLoader(both, batch_size=5, num_workers=1, multiprocessing_context=context)
        assert np.array_equal(next(iter(loader)).numpy(), expected)


def test_a_batch_reads_each_chunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TokenDataset(plain("parquet", numbered(), tmp_path))
    (store,), reads = tokens._stores, []
    read = store.read
    monkeypatch.setattr(store, "read", lambda chunk: reads.append(chunk) or read(chunk))
    assert seen(tokens.__getitems__([9, 0, 5, 1, 9, 4])) == [9, 0, 5, 1, 9, 4]
    assert reads == [0, 1, 2]


def test_transforms(tmp_path: Path) -> None:
    path = plain("npy", numbered(), tmp_path)
    assert TokenDataset(path, lambda codes: int(codes.sum()))[2] == 2 * 24
    assert sum(TokenStream(path, lambda codes: int(codes[0, 0, 0]))) == sum(range(COUNT))


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_streams_share_pictures_without_overlap(ranks: int, workers: int, tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", numbered(70)[: 60 + number] + 70 * number)
    parts = []
    for rank in range(ranks):
        stream = TokenStream(tmp_path, seed=1, mix=2, rank=rank, ranks=ranks)
        parts.append(seen(DataLoader(stream, batch_size=None, num_workers=workers)))
        assert len(parts[-1]) == len(stream) == 183 // ranks
    found = [picture for part in parts for picture in part]
    assert len(set(found)) == len(found) == 183 // ranks * ranks
    assert found != sorted(found)


def test_epochs_are_shuffled_anew_and_reproducibly(tmp_path: Path) -> None:
    stream = TokenStream(plain("parquet", numbered(), tmp_path), seed=3, mix=2)
    loader = DataLoader(stream, batch_size=None, num_workers=1, persistent_workers=True)
    first = seen(loader)
    stream.set_epoch(1)
    second = seen(loader)  # the worker that lives on hears of it
    stream.set_epoch(0)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert seen(loader) == first


def test_what_holds_no_tokens_is_named(tmp_path: Path) -> None:
    with pytest.raises(RoundelError, match="no tokens here"):
        TokenDataset(tmp_path)
    with pytest.raises(RoundelError, match="nowhere"):
        TokenDataset(tmp_path / "nowhere.npy")
    cases = {
        "text.npy": b"no array",
        "text.rndl": b"no file",
        "text.parquet": b"no table",
        "lossless.rndl": roundel.encode(np.zeros((8, 8, 3), np.uint8), lossless=True),
        "pack.rndl": roundel.pack(np.zeros((2, 8, 8, 3), np.uint8)),
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RoundelError, match=name):
            TokenDataset(tmp_path / name)
    np.save(tmp_path / "real.npy", np.zeros((2, 2, 3)))
    with pytest.raises(RoundelError, match=r"real.npy: tokens are integers"):
        TokenDataset(tmp_path / "real.npy")
    with pytest.raises(RoundelError, match="rank"):
        TokenStream(plain("npy", numbered(), tmp_path), rank=2, ranks=2)
