"""A real Ray on this machine: two workers, one of them killed in the middle; nothing is lost, nothing comes twice."""

import io
import os
import signal
import tarfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("pyarrow")

from roundel.cluster.items import Reading
from roundel.cluster.manifest import Record
from roundel.cluster.part import Job
from roundel.cluster.pieces import TAR
from roundel.cluster.run import Means, Report, run
from roundel.cluster.storage import Storage
from roundel.cluster.work import Outcome
from roundel.errors import ImageError, UnsupportedError

COUNT = 120
SUFFIXES = frozenset({".png"})
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Slow:
    """Takes its time over a picture, and notes who works on which."""

    log: str

    def __call__(self, data: bytes) -> Outcome:
        line = f"{os.getpid()} {data.decode()}\n".encode()
        number = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(number, line)
        os.close(number)
        time.sleep(0.02)
        if data == b"7":
            raise ImageError("no good")
        return Outcome((1, 1), data)

    def settings(self) -> dict[str, Any]:
        return {"do": "slow"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
@pytest.mark.timeout(300)
def test_a_killed_worker_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")  # workers load this module by its name
    log, source = tmp_path / "log", tmp_path / "in"
    source.mkdir()
    for number in range(COUNT):
        (source / f"{number}.png").write_text(str(number))
    job = Job(Reading(Storage.of(str(source)), SUFFIXES), Slow(str(log)), Storage.of(str(tmp_path / "out")), TAR)
    killed: list[int] = []

    def told(record: Record) -> None:
        if not killed:  # whoever is at work right now
            time.sleep(0.1)
            killed.append(int(log.read_text().splitlines()[-1].split()[0]))
            os.kill(killed[0], signal.SIGKILL)

    report = start(job, told)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len({pid for pid, _ in lines}) >= 3  # two workers, and who came for the killed one
    assert max(Counter(number for _, number in lines).values()) == 2  # what the killed one had begun was done again
    assert (report.all.done, report.all.failed) == (COUNT - 1, 1)
    names: list[str] = []
    for path in (tmp_path / "out").glob("part-*.tar"):
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
            names += tar.getnames()
    assert sorted(names) == sorted(f"{number}.rndl" for number in range(COUNT) if number != 7)

    done_before = log.read_text()
    again = start(job, told)  # starts no Ray, as nothing is left to do
    assert log.read_text() == done_before
    assert (again.now.done, again.all) == (0, report.all)


def start(job: Job, told: Any) -> Report:
    try:
        return run(job, SUFFIXES, Means(workers=2, shard=10), begun=lambda todo, before: None, told=told)
    except (
        UnsupportedError
    ) as error:  # it gives its processes 15 s, not enough on a machine that is busy many times over
        pytest.skip(str(error))
