"""The codec in zarr 3: found by its name, in shards, by threads and processes, in both formats."""

import json
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel import RoundelError
from tests.test_codec import scene

zarr = pytest.importorskip("zarr", minversion="3.1")
from roundel.plugins.zarr import RoundelCodec  # noqa: E402

FAST = {"name": "roundel", "configuration": {"effort": 0}}


def stored(array: np.ndarray, chunks: tuple[int, ...], store: object = None, **options: object) -> "zarr.Array":
    """An array in a store, written with the codec."""
    options = {"serializer": FAST, "compressors": None, **options}
    created = zarr.create_array(
        {} if store is None else store, shape=array.shape, chunks=chunks, dtype=array.dtype, **options
    )
    created[:] = array
    return created


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((40, 50), (16, 16)),
        ((3, 40, 50), (3, 20, 25)),
        ((3, 40, 50), (1, 40, 50)),
        ((40, 50, 3), (25, 25, 3)),
        ((2, 3, 1, 20, 30), (1, 1, 1, 16, 16)),
    ],
    ids=str,
)
def test_arrays_come_back(shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256 if dtype == "uint8" else 4096, shape).astype(dtype)
    stored(array, chunks, tmp_path / "x.zarr")
    again = zarr.open_array(tmp_path / "x.zarr", mode="r")
    assert np.array_equal(again[:], array)
    part = (..., slice(3, 11), slice(1, 2))
    assert np.array_equal(again[part], array[part])


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((70, 90, 3), (64, 80, 3)), ((3, 70, 90), (3, 64, 80)), ((2, 70, 90), (2, 64, 80)), ((70, 90), (64, 80))],
    ids=str,
)
def test_every_selection_is_what_numpy_selects(shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = stored(array, chunks)
    rows, columns = (0, 1) if shape[-1] == 3 else (len(shape) - 2, len(shape) - 1)

    def at(row: object, column: object) -> tuple[object, ...]:
        cuts: list[object] = [slice(None)] * len(shape)
        cuts[rows], cuts[columns] = row, column
        return tuple(cuts)

    basic = [
        (slice(5, 20), slice(60, 90)),
        (slice(1, 70, 7), slice(0, 3)),
        (3, slice(None)),
        (slice(63, 65), 79),
        (2, 3),
        (slice(9, 9), slice(0, 2)),
    ]
    for row, column in basic:
        assert np.array_equal(found[at(row, column)], array[at(row, column)])
    lists = at([1, 66, 3], slice(10, 85))
    assert np.array_equal(found.oindex[lists], array[lists])
    assert np.array_equal(found.vindex[tuple(np.array([0, 1]) for _ in shape)], array[tuple([0, 1] for _ in shape)])
    assert np.array_equal(found[array > 200], array[array > 200])


def test_tiles_beside_a_selection_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from roundel.plugins import chunks

    asked = []
    known = chunks.restore
    monkeypatch.setattr(chunks, "restore", lambda data, **how: asked.append(known(data, **how)) or asked[-1])
    noise = np.random.default_rng(0).normal(0, 4, (516, 520))
    array = (np.add.outer(np.arange(516), np.arange(520)) / 5 + 20 + noise).astype(np.uint8)  # nothing drawn
    found = stored(array, array.shape)
    assert np.array_equal(found[514:, 30:40], array[514:, 30:40])
    assert [one.tiles for one in asked] == [1]
    found[:]
    assert asked[-1].tiles == 4


def test_chunks_that_are_not_there_are_the_fill_value() -> None:
    found = zarr.create_array(
        {}, shape=(64, 64), chunks=(32, 32), dtype="uint8", fill_value=9, serializer=FAST, compressors=None
    )
    found[:32, :32] = 3
    assert found[30:34, 30:34].tolist() == [[3, 3, 9, 9]] * 2 + [[9] * 4] * 2


def test_shards_hold_small_chunks(tmp_path: Path) -> None:
    array = scene(64, 64)
    created = stored(array, (16, 16, 3), tmp_path / "x.zarr", shards=(32, 64, 3))
    assert len([path for path in (tmp_path / "x.zarr").rglob("*") if path.is_file()]) == 1 + 2
    assert np.array_equal(zarr.open_array(tmp_path / "x.zarr")[:], array)
    created[10:20, 10:20] = 7
    array[10:20, 10:20] = 7
    assert np.array_equal(created[:], array)


def test_a_chunk_on_disk_is_a_file_of_ours(tmp_path: Path) -> None:
    array = scene(32, 32)
    stored(array, (16, 32, 3), tmp_path / "x.zarr")
    assert np.array_equal(roundel.decode_array(tmp_path / "x.zarr" / "c" / "1" / "0" / "0"), array[16:])


def test_a_quality(tmp_path: Path) -> None:
    array = (np.add.outer(np.arange(64), np.arange(64)) * 2).astype(np.uint8)
    codec = RoundelCodec(quality=70, tune="psnr")
    created = stored(array, (64, 64), tmp_path / "x.zarr", serializer=codec)
    found = zarr.open_array(tmp_path / "x.zarr")[:]
    assert np.abs(found.astype(int) - array).mean() < 4
    assert created.nbytes_stored() < array.nbytes / 4


@pytest.mark.parametrize(
    "configuration",
    [{}, {"quality": 30, "tune": "psnr", "effort": 2}, {"model": "histology", "colour": False}, {"model": 24}],
    ids=str,
)
def test_metadata_come_back(configuration: dict[str, object]) -> None:
    codec = RoundelCodec(**configuration)
    written = json.loads(json.dumps(codec.to_dict()))
    assert written == ({"name": "roundel", "configuration": configuration} if configuration else {"name": "roundel"})
    assert RoundelCodec.from_dict(written) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    array = zarr.create_array({}, shape=(8, 8), dtype="uint8", serializer=codec, compressors=None)
    assert array.serializer == codec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (8, 8), "dtype": "float32"}, "float32"),
        ({"shape": (8,), "dtype": "uint8"}, "rows and columns"),
        (
            {"shape": (8, 8), "dtype": "uint8", "serializer": {"name": "roundel", "configuration": {"level": 3}}},
            "level",
        ),
        (
            {"shape": (8, 8), "dtype": "uint8", "serializer": {"name": "roundel", "configuration": {"quality": 101}}},
            "101",
        ),
    ],
    ids=["type", "axes", "setting", "quality"],
)
def test_what_is_refused_is_refused_at_once(options: dict[str, object], message: str) -> None:
    with pytest.raises(RoundelError, match=message):
        zarr.create_array({}, **{"serializer": FAST, "compressors": None, **options})


def test_a_model_that_nobody_has() -> None:
    with pytest.raises(RoundelError, match="nobody"):
        stored(scene(8, 8), (8, 8, 3), serializer=RoundelCodec(model="nobody"))


@pytest.mark.parametrize("content", [b"", b"nothing of ours", None], ids=["empty", "foreign", "damaged"])
def test_hostile_chunks(content: bytes | None, tmp_path: Path) -> None:
    array = stored(scene(32, 32), (32, 32, 3), tmp_path / "x.zarr")
    chunk = tmp_path / "x.zarr" / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[-2] ^= 1
    chunk.write_bytes(bytes(data) if content is None else content)
    with pytest.raises(RoundelError):
        array[:]
    chunk.write_bytes(roundel.encode(scene(8, 8), lossless=True, effort=0))
    with pytest.raises(RoundelError, match="another array"):
        array[:]


# ---- threads and processes


def test_threads_share_an_array() -> None:
    array = scene(96, 96)
    found = stored(array, (32, 32, 3))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda row: found[row : row + 24], range(0, 96, 24)))
    assert np.array_equal(np.concatenate(parts), array)


def rows(path: str, start: int) -> np.ndarray:
    """What a worker reads."""
    return zarr.open_array(path, mode="r")[start : start + 16]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_follow_a_use(method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{sys.platform} cannot {method}")
    array = scene(32, 32)
    stored(array, (16, 16, 3), tmp_path / "x.zarr")[:]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        parts = [pool.submit(rows, str(tmp_path / "x.zarr"), start) for start in (0, 16)]
        assert np.array_equal(np.concatenate([part.result(timeout=100) for part in parts]), array)


def test_dask(tmp_path: Path) -> None:
    dask_array = pytest.importorskip("dask.array")
    array = scene(48, 48)
    stored(array, (16, 48, 3), tmp_path / "x.zarr")
    lazy = dask_array.from_zarr(str(tmp_path / "x.zarr"))
    for scheduler in ("threads", "synchronous"):
        assert np.array_equal((lazy + 1).compute(scheduler=scheduler), array + 1)


# ---- format 2


def test_format_2(tmp_path: Path) -> None:
    for number, (array, chunks) in enumerate(
        [
            (scene(40, 50), (16, 16, 3)),
            (np.arange(3 * 30 * 20, dtype=">u2").reshape(1, 3, 30, 20), (1, 3, 15, 20)),
            (np.arange(30 * 20, dtype="<u2").reshape(30, 20), (15, 20)),
        ]
    ):
        for order in "CF":
            path = tmp_path / f"{number}{order}.zarr"
            options = {"zarr_format": 2, "serializer": "auto", "order": order}
            stored(array, chunks, path, compressors={"id": "roundel", "effort": 0}, **options)
            again = zarr.open_array(path, mode="r")
            assert np.array_equal(again[:], array)
            assert json.loads((path / ".zarray").read_text())["compressor"] == {"id": "roundel", "effort": 0}
