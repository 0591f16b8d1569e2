"""The C coder: the same bytes and the same refusals as the plain one, on threads too; and life without a compiler."""

import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import roundel.coding
from roundel.coding import Reader, Readers, Tables, Writer, compiled, plain
from roundel.errors import FormatError

ROOT = Path(roundel.coding.__file__).parents[3]
NATIVE = compiled.native()
built = pytest.mark.skipif(NATIVE is None and shutil.which("cc") is None, reason="no C compiler")
TOTAL = 2**24


def test_the_c_coder_is_built_where_a_compiler_is() -> None:
    assert shutil.which("cc") is None or compiled._native is not None


Case: TypeAlias = tuple[Tables, list[tuple[np.ndarray, np.ndarray]]]
"""Tables, and lists of symbols and indices."""


@st.composite
def coded_lists(draw: st.DrawFn) -> Case:
    """Tables from flat to as uneven as can be, and lists whose symbols lie inside, near and far outside them."""
    frequencies, offsets = [], []
    for _ in range(draw(st.integers(1, 5))):
        n = draw(st.sampled_from([2, 3, 64, 65, 66, 1000]))
        seed = draw(st.integers(0, 2**32 - 1))
        cuts = np.random.default_rng(seed).integers(0, 1 + draw(st.sampled_from([0, 50, TOTAL - n])), n - 1)
        frequencies.append(np.diff(np.concatenate(([0], np.sort(cuts), [TOTAL - n]))) + 1)
        offsets.append(draw(st.sampled_from([0, -1, -(2**31), 2**31 + 1 - n, -500])))
    starts = np.cumsum([0] + [f.size for f in frequencies])
    tables = Tables(np.concatenate(frequencies).astype(np.uint32), starts, np.array(offsets, np.int32))
    lists = []
    for _ in range(draw(st.integers(0, 3))):
        size = draw(st.sampled_from([0, 1, 2, 40]))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        index = rng.integers(0, len(tables), size).astype(np.int32)
        inside = tables.offsets[index] + (rng.random(size) * tables.sizes[index]).astype(np.int64)
        far = rng.integers(-(2**31), 2**31, size)
        symbols = np.where(rng.random(size) < draw(st.sampled_from([0, 0.3, 1])), far, inside)
        lists.append((np.clip(symbols, -(2**31), 2**31 - 1).astype(np.int32), index))
    return tables, lists


@built
@settings(max_examples=300, deadline=None)
@given(coded_lists())
def test_bytes_and_symbols_equal_those_of_constriction(
    case: Case,
) -> None:
    tables, lists = case
    ours, theirs = compiled.Writer(NATIVE), plain.Writer()
    for symbols, index in lists:
        ours.put(symbols, index, tables)
        theirs.put(symbols, index, tables)
    data = ours.close()
    assert data == theirs.close()
    reader = compiled.Reader(data, NATIVE)
    for symbols, index in lists:
        assert np.array_equal(reader.take(index, tables), symbols)


@built
@settings(max_examples=300, deadline=None)
@given(coded_lists(), st.binary(max_size=200))
def test_any_bytes_mean_the_same_to_both(case: Case, data: bytes) -> None:
    tables, lists = case
    readers = compiled.Reader(data, NATIVE), plain.Reader(data)
    for _, index in lists:
        found = []
        for reader in readers:
            try:
                found.append(reader.take(index, tables).tolist())
            except FormatError:
                found.append(None)
        assert found[0] == found[1]
        if found[0] is None:
            return


@built
def test_two_threads_code_at_once() -> None:
    tables = Tables.from_pmfs([np.exp(-np.abs(np.arange(-50, 51)) / s) for s in (1, 4, 9)], [-50] * 3, 2**-10)
    jobs = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        jobs.append((rng.integers(-60, 60, 20_000).astype(np.int32), rng.integers(0, 3, 20_000).astype(np.int32)))

    def there_and_back(job: tuple[np.ndarray, np.ndarray]) -> bool:
        writer = compiled.Writer(NATIVE)
        writer.put(*job, tables)
        return np.array_equal(compiled.Reader(writer.close(), NATIVE).take(job[1], tables), job[0])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, jobs))


@built
def test_wrong_arguments_are_refused_before_anything_is_written() -> None:
    tables = Tables.from_pmfs([np.ones(4)], [0], 2**-10)
    assert NATIVE is not None
    writer = NATIVE.Writer()
    for symbols, index, expected in (
        ([0], [1], NATIVE.BadIndex),
        ([0], [-1], NATIVE.BadIndex),
        ([0, 1], [0], ValueError),
    ):
        with pytest.raises(expected):
            writer.put(np.array(symbols, np.int32), np.array(index, np.int32), tables.native)
    with pytest.raises(ValueError, match="items of 8 bytes"):
        writer.put(np.zeros(1, np.int64), np.zeros(1, np.int32), tables.native)
    with pytest.raises(TypeError):
        writer.put(np.zeros(1, np.int32), np.zeros(1, np.int32), tables)
    with pytest.raises((BufferError, ValueError)):
        NATIVE.Reader(b"").take(np.zeros(4, np.int32)[::2], np.zeros(2, np.int32), tables.native)
    assert writer.close() == b""
    for broken in (
        (np.array([TOTAL], np.uint32), [0, 1]),
        (np.array([TOTAL - 2, 1], np.uint32), [0, 2]),
        (np.array([TOTAL, 0], np.uint32), [0, 2]),
        (np.array([TOTAL - 1, 1], np.uint32), [0, 3]),
        (np.array([TOTAL - 1, 1], np.uint32), [1, 2]),
    ):
        with pytest.raises(ValueError, match="rule"):
            NATIVE.Tables(broken[0], np.array(broken[1], np.int64), np.zeros(1, np.int32))


def test_a_list_from_each_of_several_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes among them; each stream goes on after its own list, whichever coder reads it."""
    tables = Tables.from_pmfs([np.ones(5), np.array([1.0, 9.0])], [-2, 0], 0.1)
    rng = np.random.default_rng(3)
    index = rng.integers(0, 2, (2, 7, 30)).astype(np.int32)
    symbols = rng.integers(-4, 5, index.shape).astype(np.int32)
    streams = []
    for reader in range(7):
        writer = Writer()
        for part in range(2):
            writer.put(symbols[part, reader], index[part, reader], tables)
        streams.append(writer.close())
    for coder in ("", "plain"):
        monkeypatch.setenv("ROUNDEL_CODER", coder)
        readers = Readers(streams)
        for part in range(2):
            assert np.array_equal(readers.take(index[part].ravel(), tables), symbols[part].ravel())


@built
def test_readers_that_are_none_or_taken_twice_are_refused() -> None:
    assert NATIVE is not None
    tables = Tables.from_pmfs([np.ones(4)], [0], 0.1)
    symbols, index = np.zeros(4, np.int32), np.zeros(4, np.int32)
    reader = NATIVE.Reader(b"abcdefgh")
    for readers, error in (
        ([], ValueError),
        ([NATIVE.Reader(b"")] * 3, ValueError),  # 4 symbols do not divide by 3
        ([reader, reader], RuntimeError),
        ([reader, NATIVE.Writer()], TypeError),
        ((reader,), TypeError),
    ):
        with pytest.raises(error):
            NATIVE.take_each(readers, symbols, index, tables.native)
    NATIVE.take_each([reader], symbols, index, tables.native)  # and is free again


def test_tables_go_to_other_processes_after_use() -> None:
    tables = Tables.from_pmfs([np.ones(4)], [0], 2**-10)
    data = roundel.coding.encode([1, 2], [0, 0], tables)
    assert roundel.coding.encode([1, 2], [0, 0], pickle.loads(pickle.dumps(tables))) == data


def test_the_environment_chooses_the_plain_coder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDEL_CODER", "plain")
    assert isinstance(Writer().coder, plain.Writer)
    assert isinstance(Reader(b"").coder, plain.Reader)


def test_the_package_is_built_without_a_compiler(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    package = tmp_path / "src" / "roundel"
    shutil.copytree(
        ROOT / "src" / "roundel" / "coding", package / "coding", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    for name in ("__init__.py", "_version.py"):
        shutil.copy(ROOT / "src" / "roundel" / name, package)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "out", "."]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"CC": "false"}, capture_output=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "roundel/coding/coder.py" in names
    assert not [name for name in names if "_native" in name]


def test_the_c_coder_needs_no_other_library_and_without_both_one_line_says_what_to_install() -> None:
    code = """
import os, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "constriction":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import numpy as np
from roundel.coding import Tables, decode, encode
from roundel.errors import UnsupportedError
tables, index = Tables.from_pmfs([np.array([0.5, 0.25, 0.25])], [0], 1e-3), np.zeros(4, int)
symbols = [0, 1, 2, 5000]
if sys.argv[1] == "native":
    assert decode(encode(symbols, index, tables), index, tables).tolist() == symbols
os.environ["ROUNDEL_CODER"] = "plain"
try:
    encode(symbols, index, tables)
except UnsupportedError as error:
    assert "pip install constriction" in str(error)
else:
    raise AssertionError("coded without a coder")
"""
    coder = "native" if compiled.native() else "none"
    subprocess.run([sys.executable, "-c", code, coder], check=True)
