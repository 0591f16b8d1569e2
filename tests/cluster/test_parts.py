"""Parts of a run without Ray: what goes in and out, failures, interruptions, and hostile archives."""

import io
import json
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.cluster.items import Reading
from roundel.cluster.manifest import Manifest, left_to_do, open_failures
from roundel.cluster.part import Job, do_part
from roundel.cluster.pieces import FILES, PARQUET, TAR, Part, Piece, cut, find, keys_of
from roundel.cluster.storage import Storage
from roundel.cluster.work import Encode, Outcome, Tokenize, Verify
from roundel.errors import ImageError, RoundelError
from roundel.torch import TokenDataset
from tests.test_codec import scene

fsspec = pytest.importorskip("fsspec")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SUFFIXES = frozenset({".png", ".jpg"})


@dataclass(frozen=True)
class Upper:
    """Stands for a codec: the bytes in capitals; refuses some."""

    def __call__(self, data: bytes) -> Outcome:
        if b"bad" in data:
            raise ImageError("picture: no good")
        if b"bug" in data:
            raise ZeroDivisionError("a mistake of ours")
        return Outcome((1, 1), data.upper())

    def settings(self) -> dict[str, Any]:
        return {"do": "upper"}


def job(folder: Path, kind: str = FILES, **given: Any) -> Job:
    """From folder/in to folder/out."""
    reading = Reading(Storage.of(str(folder / "in")), SUFFIXES)
    return replace(Job(reading, Upper(), Storage.of(str(folder / "out")), kind), **given)


def place(folder: Path, **files: bytes) -> None:
    """Files of folder/in; "__" in a name stands for a folder and "_" for a dot."""
    for name, data in files.items():
        path = folder / "in" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def pieces_of(todo: Job) -> list[Piece]:
    return find(todo.reading.source, SUFFIXES)


def written(folder: Path) -> dict[str, bytes]:
    """What lies in folder/out, but for the manifest."""
    top = folder / "out"
    found = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    return {name: data for name, data in sorted(found.items()) if not name.startswith("_roundel/")}


def archive(**members: bytes) -> bytes:
    """A tar archive; in names "_" stands for a dot and "__" for a folder."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


# ---- loose files


def test_files_are_mirrored_and_failures_recorded(tmp_path: Path) -> None:
    place(tmp_path, a_png=b"a", sub__b_jpg=b"b", sub__bad_png=b"bad", bug_png=b"bug", note_txt=b"t", hidden__x_png=b"x")
    todo = job(tmp_path)
    record = do_part(todo, Part(tuple(pieces_of(todo))))
    assert written(tmp_path) == {"a.rndl": b"A", "hidden/x.rndl": b"X", "sub/b.rndl": b"B"}
    assert (record.done, record.bytes_in, record.bytes_out) == (3, 9, 3)
    assert [(one["piece"], one["kind"]) for one in record.failures] == [
        ("bug.png", "ZeroDivisionError"),
        ("sub/bad.png", "ImageError"),
    ]
    assert record.failures[1]["error"] == f"{tmp_path}/in/sub/bad.png: no good"
    assert Manifest(todo.target).records() == [record]


def test_names_that_would_meet_are_kept_apart(tmp_path: Path) -> None:
    assert keys_of(["a.jpg", "a.png", "a.jpg.png"]) == ["a.jpg", "a.png", "a.jpg.png"]
    place(tmp_path, a_jpg=b"1", a_png=b"2", b_png=b"3")
    todo = job(tmp_path)
    do_part(todo, Part(tuple(pieces_of(todo))))
    assert written(tmp_path) == {"a.jpg.rndl": b"1", "a.png.rndl": b"2", "b.rndl": b"3"}


def test_every_piece_is_in_one_part() -> None:
    pieces = [Piece(f"{n}.png", f"{n}", bytes=1 << 20) for n in range(150)]
    pieces.insert(70, Piece("x.tar", "x"))
    parts = cut(pieces, 100, workers=1)
    assert [piece for part in parts for piece in part.pieces] == pieces
    assert max(len(part.pieces) for part in parts) == 38  # a quarter, for one worker
    assert (Piece("x.tar", "x"),) in [part.pieces for part in parts]
    assert len({part.id for part in parts}) == len(parts)
    assert max(len(part.pieces) for part in cut(pieces[:8], 100, workers=8)) == 1
    heavy = [Piece(str(n), str(n), bytes=40 << 20) for n in range(8)]
    assert len(cut(heavy, 8, workers=1)) == 8


# ---- what was done is not done again


def test_a_run_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    place(tmp_path, **{f"p{n}_png": b"x%d" % n for n in range(6)}, bad_png=b"bad")
    todo = job(tmp_path, TAR)
    manifest = Manifest(todo.target)
    manifest.begin(todo.work.settings())
    pieces = pieces_of(todo)
    first = do_part(todo, Part(tuple(pieces[:3])))
    lost = do_part(todo, Part(tuple(pieces[3:5])))  # its archive is there, its record is not
    (tmp_path / "out/_roundel/done" / f"{lost.part}.json").unlink()

    manifest.begin(todo.work.settings())
    records = manifest.records()
    assert records == [first]
    manifest.sweep(records)
    assert list(written(tmp_path)) == first.outputs
    left = left_to_do(pieces, records, retry_failed=False)
    assert left == pieces[3:]
    assert left_to_do(pieces, records, retry_failed=True) == [pieces[0], *pieces[3:]]  # bad.png is the first
    second = do_part(todo, Part(tuple(left)))
    names = [name for data in written(tmp_path).values() for name in members_of(data)]
    assert sorted(names) == [f"p{n}.rndl" for n in range(6)]  # nothing lost, nothing twice
    assert left_to_do(pieces, [first, second], retry_failed=False) == []


def test_what_failed_is_done_again_when_asked(tmp_path: Path) -> None:
    place(tmp_path, a_png=b"a", b_png=b"bad")
    todo = job(tmp_path)
    do_part(todo, Part(tuple(pieces_of(todo))))
    place(tmp_path, b_png=b"mended")
    records = Manifest(todo.target).records()
    assert len(open_failures(records)) == 1
    again = left_to_do(pieces_of(todo), records, retry_failed=True)
    assert [piece.id for piece in again] == ["b.png"]
    do_part(todo, Part(tuple(again)))
    assert open_failures(Manifest(todo.target).records()) == []
    assert written(tmp_path) == {"a.rndl": b"A", "b.rndl": b"MENDED"}


def test_a_part_done_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    place(tmp_path, x_tar=archive(a_png=b"a", a_txt=b"words"))
    for kind in (TAR, PARQUET):
        todo = job(tmp_path, kind)
        part = Part(tuple(pieces_of(todo)))
        do_part(todo, part)
        first = written(tmp_path)
        do_part(todo, part)
        assert written(tmp_path) == first


def test_other_settings_and_other_folders_are_refused(tmp_path: Path) -> None:
    manifest = Manifest(Storage.of(str(tmp_path / "out")))
    manifest.begin({"quality": 50})
    manifest.begin({"quality": 50})
    with pytest.raises(RoundelError, match="quality was 50, and is 60"):
        manifest.begin({"quality": 60})
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file.txt").write_text("of somebody")
    with pytest.raises(RoundelError, match=r"holds other files, such as file\.txt"):
        Manifest(Storage.of(str(tmp_path / "other"))).begin({})
    (tmp_path / "out/_roundel/done").mkdir()
    (tmp_path / "out/_roundel/done/x.json").write_text("{")
    with pytest.raises(RoundelError, match=r"x.json is damaged"):
        manifest.records()


def test_results_that_cannot_be_written_are_no_failure_of_the_picture(tmp_path: Path) -> None:
    place(tmp_path, a_png=b"a")
    (tmp_path / "out").write_text("a file where the folder should be")
    todo = job(tmp_path)
    with pytest.raises(RoundelError, match="cannot write"):
        do_part(todo, Part(tuple(pieces_of(todo))))


# ---- archives and tables


def test_archives_keep_what_lies_beside_pictures(tmp_path: Path) -> None:
    content = archive(a_png=b"a", a_txt=b"words", sub__b_c_jpg=b"b", sub__b_cls=b"7", alone_txt=b"t", a_b_png=b"late")
    place(tmp_path, shards__x_tar=content)
    todo = job(tmp_path, TAR)
    record = do_part(todo, Part(tuple(pieces_of(todo))))
    (data,) = written(tmp_path).values()
    assert members_of(data) == {
        "shards/x/a.rndl": b"A",
        "shards/x/a.txt": b"words",
        "shards/x/sub/b%2Ec.rndl": b"B",
        "shards/x/sub/b%2Ec.cls": b"7",
        "shards/x/a%2Eb.rndl": b"LATE",
    }
    assert (record.done, record.left) == (3, 1)

    table = job(tmp_path, PARQUET, target=Storage.of(str(tmp_path / "table")))
    record = do_part(table, Part(tuple(pieces_of(table))))
    rows = parquet.read_table(tmp_path / "table" / record.outputs[0]).to_pylist()
    assert [row["key"] for row in rows] == ["shards/x/a", "shards/x/sub/b.c", "shards/x/a.b"]
    assert [(row["bytes"], row["txt"], row["cls"]) for row in rows] == [
        (b"A", b"words", None),
        (b"B", None, b"7"),
        (b"LATE", None, None),
    ]
    record = do_part(job(tmp_path, target=Storage.of(str(tmp_path / "loose"))), Part(tuple(pieces_of(todo))))
    assert record.dropped == ["cls", "txt"]
    assert (tmp_path / "loose/shards/x/sub/b.c.rndl").read_bytes() == b"B"


def test_members_that_are_too_large_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundel.cluster.items.MOST_BYTES", 3)
    place(tmp_path, x_tar=archive(a_png=b"1234", b_png=b"123"))
    todo = job(tmp_path)
    record = do_part(todo, Part(tuple(pieces_of(todo))))
    assert written(tmp_path) == {"x/b.rndl": b"123"}
    assert [one["error"] for one in record.failures] == [f"{tmp_path}/in/x.tar/a.png: 4 bytes are too many"]


def test_hostile_archives(tmp_path: Path) -> None:
    good = archive(a_png=b"a" * 600, b_png=b"b" * 600)  # a header of 512 bytes and 1,024 of data each
    place(tmp_path, cut_tar=good[:2500], text_tar=b"no archive", empty_tar=b"")
    for name in ("../out.png", "/abs.png", "a/../../b.png"):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        place(tmp_path, **{f"evil{len(name)}_tar": file.getvalue()})
    twice = io.BytesIO()
    with tarfile.open(fileobj=twice, mode="w") as tar:
        for data in (b"1", b"2"):
            member = tarfile.TarInfo("same.png")
            member.size = 1
            tar.addfile(member, io.BytesIO(data))
    place(tmp_path, twice_tar=twice.getvalue())
    todo = job(tmp_path)
    records = [do_part(todo, Part((piece,))) for piece in pieces_of(todo)]
    found = written(tmp_path)
    assert list(found) == ["cut/a.rndl", "twice/same.2.rndl", "twice/same.rndl"]
    assert not (tmp_path / "out.rndl").exists()
    errors = {one["piece"]: one["error"] for record in records for one in record.failures}
    assert sorted(errors) == ["cut.tar", "empty.tar", "evil10.tar", "evil13.tar", "evil8.tar", "text.tar"]
    assert "not a whole tar archive" in errors["cut.tar"]
    assert "do not trust" in errors["evil10.tar"]


def test_rows_of_parquet_keep_their_columns_and_types(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    images = [{"bytes": b"a", "path": "a.png"}, {"bytes": b"bad", "path": None}, {"bytes": None, "path": "c.png"}]
    table = pyarrow.table(
        {
            "image": [*images, {"bytes": b"d", "path": None}],
            "label": pyarrow.array([3, 1, 4, 1], pyarrow.int16()),
            "key": ["own", "b", "c", "d"],
        }
    )
    parquet.write_table(table, tmp_path / "in/t.parquet", row_group_size=3)
    todo = job(tmp_path, PARQUET)
    pieces = pieces_of(todo)
    assert [piece.id for piece in pieces] == ["t.parquet#0", "t.parquet#1"]
    records = [do_part(todo, Part((piece,))) for piece in pieces]
    out = [parquet.read_table(tmp_path / "out" / record.outputs[0]) for record in records]
    assert [row for one in out for row in one.drop(["width", "height"]).to_pylist()] == [
        {"key": "t/00000000", "bytes": b"A", "source_key": "own", "label": 3, "path": "a.png"},
        {"key": "t/00000003", "bytes": b"D", "source_key": "d", "label": 1, "path": None},
    ]
    assert out[0].schema.field("label").type == pyarrow.int16()
    assert [one["error"].partition(": ")[2] for one in records[0].failures] == [
        "no good",
        "no bytes in column image",
    ]


def test_tables_that_cannot_be_read_are_failures(tmp_path: Path) -> None:
    place(tmp_path, broken_parquet=b"no table")
    parquet.write_table(pyarrow.table({"n": [1]}), tmp_path / "in/plain.parquet")
    todo = job(tmp_path)
    records = [do_part(todo, Part((piece,))) for piece in pieces_of(todo)]
    errors = [one["error"] for record in records for one in record.failures]
    assert len(errors) == 2
    assert "cannot be read as Parquet" in errors[0]
    assert "name it with --column" in errors[1]
    other = replace(todo, reading=replace(todo.reading, column="picture"))
    assert "no column picture, but n" in do_part(other, Part((pieces_of(todo)[1],))).failures[0]["error"]


def test_several_kinds_are_not_guessed(tmp_path: Path) -> None:
    place(tmp_path, a_png=b"a", x_tar=archive(b_png=b"b"))
    source = Storage.of(str(tmp_path / "in"))
    with pytest.raises(RoundelError, match="1 files, 1 tar: choose one kind with --from"):
        find(source, SUFFIXES)
    assert [piece.path for piece in find(source, SUFFIXES, TAR)] == ["x.tar"]
    with pytest.raises(RoundelError, match="no pictures"):
        find(Storage.of(str(tmp_path / "nowhere")), SUFFIXES)


def test_object_stores_are_folders_too() -> None:
    source, target = Storage("memory://in"), Storage("memory://out/deep")
    source.write("a/b.png", b"b")
    todo = Job(Reading(source, SUFFIXES), Upper(), target)
    record = do_part(todo, Part(tuple(pieces_of(todo))))
    assert record.done == 1
    assert target.read("a/b.rndl") == b"B"
    assert Manifest(target).records() == [record]
    with pytest.raises(RoundelError, match="cannot read memory://out/deep/x"):
        target.read("x")
    with pytest.raises(RoundelError, match="nosuchkind"):
        Storage("nosuchkind://x").files()


# ---- the real work


def png(seed: int, height: int = 20, width: int = 30) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene(height, width, seed=seed)).save(file, "png")
    return file.getvalue()


def test_pictures_become_what_the_api_makes_of_them(tmp_path: Path) -> None:
    place(tmp_path, a_png=png(1), sub__b_png=png(2))
    todo = job(tmp_path, work=Encode(lossless=True, effort=0))
    assert do_part(todo, Part(tuple(pieces_of(todo)))).failures == []
    assert written(tmp_path)["a.rndl"] == roundel.encode(io.BytesIO(png(1)), lossless=True, effort=0)

    out = tmp_path / "out"
    (out / "sub/b.rndl").write_bytes((out / "sub/b.rndl").read_bytes()[:-5])
    reading = Reading(todo.target, frozenset({".rndl"}))
    check = Job(reading, Verify(), Storage.of(str(tmp_path / "report")))
    record = do_part(check, Part(tuple(find(todo.target, frozenset({".rndl"})))))
    assert (record.done, record.bytes_out) == (1, 0)
    assert [one["piece"] for one in record.failures] == ["sub/b.rndl"]


def test_tokens_come_as_a_data_set(tmp_path: Path) -> None:
    place(tmp_path, a_png=png(1), b_png=png(2, 33, 17), c_png=b"bad")
    todo = job(tmp_path, PARQUET, work=Tokenize())
    record = do_part(todo, Part(tuple(pieces_of(todo))))
    assert len(record.failures) == 1
    tokens = TokenDataset(tmp_path / "out")
    expected = [roundel.tokenize(io.BytesIO(png(1))), roundel.tokenize(io.BytesIO(png(2, 33, 17)))]
    assert [np.array_equal(tokens[k].numpy(), expected[k]) for k in range(2)] == [True, True]
    (row,) = parquet.read_table(tmp_path / "out" / record.outputs[0], filters=[("key", "=", "b")]).to_pylist()
    assert (row["width"], row["height"]) == (17, 33)
    assert row["shape"] == list(expected[1].shape)

    arrays = job(tmp_path, work=Tokenize(), target=Storage.of(str(tmp_path / "arrays")))
    do_part(arrays, Part(tuple(pieces_of(arrays)[:1])))
    assert np.array_equal(np.load(tmp_path / "arrays/a.npy"), expected[0])


def test_settings_name_the_weights(tmp_path: Path) -> None:
    assert len(Encode().settings()["weights"]) == 16
    assert json.loads(json.dumps(Tokenize().settings()))["do"] == "tokenize"
    with pytest.raises(RoundelError):
        Encode(model="nowhere").settings()
