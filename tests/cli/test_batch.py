"""Many inputs: several at a time, in order, with failures as records and totals at the end."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roundel.cli import batch, streams
from roundel.cli.batch import Done, Item, Manner, Plan, Task
from roundel.errors import ImageError, RoundelError
from tests.cli.conftest import Shell
from tests.test_codec import scene

ITEMS = [Item(f"{n}.png", f"{n}.rndl") for n in range(6)]


def test_results_come_in_order_and_totals_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    def work(item: Item, task: Task) -> Done:
        number = int(item.input[0])
        time.sleep(0.02 * (6 - number))
        if number == 2:
            raise ImageError("2.png: damaged")
        return Done({"input": item.input}, f"{item.output}: done", 2_000_000, 500_000)

    assert batch.run(Plan(ITEMS, [("x.png", "collides")], []), work, Manner(jobs=3)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "roundel: error: x.png: collides"
    assert [line[0] for line in lines[1:-1] if "done" in line] == list("01345")
    assert lines[3] == "roundel: error: 2.png: damaged"
    assert lines[-1].startswith("5 done, 2 failed, 10.0 → 2.5 MB, 0.")


@pytest.mark.parametrize(
    ("jobs", "items", "threads", "inner"), [(4, 6, 4, 1), (4, 1, 1, 4), (4, 2, 2, 2), (1, 3, 1, 1)]
)
def test_jobs_are_pictures_and_tiles_where_there_are_fewer(jobs: int, items: int, threads: int, inner: int) -> None:
    seen: set[int] = set()
    together = threading.Barrier(threads, timeout=5)

    def work(item: Item, task: Task) -> Done:
        assert task.jobs == inner
        seen.add(threading.get_ident())
        if int(item.input[0]) < threads:
            together.wait()  # breaks unless so many run at the same time
        return Done({}, "")

    assert batch.run(Plan(ITEMS[:items], [], []), work, Manner(jobs=jobs, quiet=True)) == 0
    assert len(seen) == threads


def test_failures_are_records(capsys: pytest.CaptureFixture[str]) -> None:
    def work(item: Item, task: Task) -> Done:
        if item.input == "1.png":
            raise RoundelError("1.png: no\nluck")
        if item.input == "2.png":
            raise FileNotFoundError(2, "No such file", "2.png")
        if item.input == "3.png":
            raise MemoryError
        return Done({"input": item.input}, "")

    assert batch.run(Plan(ITEMS[:4], [], []), work, Manner(as_json=True)) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == {"input": "0.png"}
    assert rows[1] == {"input": "1.png", "error": "1.png: no luck", "kind": "RoundelError"}
    assert "No such file" in rows[2]["error"]
    assert "not enough memory" in rows[3]["error"]


def test_an_interrupt_stops_pictures_at_their_next_tile() -> None:
    begun = threading.Event()
    tiles: list[int] = []

    def work(item: Item, task: Task) -> Done:
        if item.input == "0.png":
            assert begun.wait(5)
            raise KeyboardInterrupt
        begun.set()
        for tile in range(1000):
            tiles.append(tile)
            task.progress(tile, 1000)
            time.sleep(0.005)
        return Done({}, "")

    with pytest.raises(KeyboardInterrupt):
        batch.run(Plan(ITEMS[:2], [], []), work, Manner(jobs=2))
    assert len(tiles) < 900


def test_one_input_has_no_totals_and_quiet_says_nothing(
    shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("encode", photo) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    Image.fromarray(scene(9, 9)).save("b.png")
    assert shell("encode", photo, "b.png", "-o", "out", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert shell("encode", photo, "b.png", "-o", "more", "-v") == 0
    err = capsys.readouterr().err
    assert "model block-means" in err
    assert "2 done, " in err


def test_warnings_name_their_picture_in_every_thread(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        Image.fromarray(np.full((9, 9), 7 * 257, np.uint16)).save(f"{name}.png")
    assert shell("encode", "a.png", "b.png", "c.png", "-o", "out", "-j", 3) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert sorted(line.split()[2] for line in lines) == ["a.png:", "b.png:", "c.png:"]


def test_several_pictures_at_a_time_give_the_same_files(shell: Shell) -> None:
    for seed in range(5):
        Image.fromarray(scene(70, 90, seed=seed)).save(f"{seed}.png")
    names = [f"{seed}.png" for seed in range(5)]
    for jobs in (1, 3):
        assert shell("encode", *names, "-o", f"out{jobs}", "-j", jobs, "--tile", 64) == 0
    for seed in range(5):
        assert Path(f"out1/{seed}.rndl").read_bytes() == Path(f"out3/{seed}.rndl").read_bytes()


@pytest.mark.parametrize(
    ("sizes", "text"), [([12_000_000, 2_300_000], "12.0 → 2.3 MB"), ([999], "999 bytes"), ([1500, 20], "1.5 → 0.0 kB")]
)
def test_sizes_are_said_in_one_unit(sizes: list[int], text: str) -> None:
    assert batch.sizes_text(sizes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.31, "0.3 s"), (41.2, "41 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")]
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    assert batch.seconds_text(seconds) == text


def test_texts_that_name_the_input_are_not_named_twice() -> None:
    with streams.naming("a.png"):
        assert streams.named("16 bits") == "a.png: 16 bits"
        assert streams.named("a.png: 16 bits") == "a.png: 16 bits"
    assert streams.named("16 bits") == "16 bits"


def test_the_bar_counts_tiles_of_one_picture_and_parts_of_several() -> None:
    class Bar:
        total, unit, n = 0, "", 0.0

        def update(self, by: float) -> None:
            self.n += by

    bar = Bar()
    tell = batch._Seen(bar, 1).share()
    tell(3, 12)
    assert (bar.n, bar.total, bar.unit) == (3, 12, "tile")
    bar = Bar()
    both = batch._Seen(bar, 2)
    first, second = both.share(), both.share()
    first(1, 2)
    second(1, 4)
    first(1, 1)
    first(1, 1)
    assert bar.n == pytest.approx(1.25)
