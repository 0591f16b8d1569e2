"""`roundel batch` on one machine: 2,000 small pictures with one worker and with two, each twice, one after another.

Small ones, so that what a picture costs beside its coding counts. Wall-clock time from the first picture to the last:
Ray, which needs a quarter of a minute to start, is started once for all turns. The ratio means something on an idle
machine only. Ray's workers are nice to others; RAY_worker_niceness=0 in the environment changes that.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import ray
from PIL import Image

from benchmarks.photo import photo
from roundel.cluster.items import Reading
from roundel.cluster.manifest import Manifest
from roundel.cluster.part import Job
from roundel.cluster.run import Means, run
from roundel.cluster.storage import Storage
from roundel.cluster.work import Encode

PICTURES = 2000
SIDE_PX = 32
SUFFIXES = frozenset({".png"})
TURNS = (1, 2, 2, 1)


def rows() -> Iterator[str]:
    """A line for each turn, and the ratio of their sums."""
    work_s = {1: 0.0, 2: 0.0}
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as place:
        source = Storage.of(str(_crops(Path(place, "in"))))
        for turn, workers in enumerate(TURNS):
            job = Job(Reading(source, SUFFIXES), Encode(), Storage.of(str(Path(place, f"out{turn}"))))
            report = run(job, SUFFIXES, Means(workers), begun=lambda todo, before: None, told=lambda record: None)
            assert report.all.done == PICTURES
            records = Manifest(job.target).records()
            span_s = max(one.ended_s for one in records) - min(one.ended_s - one.elapsed_s for one in records)
            yield f"batch, {PICTURES} pictures of {SIDE_PX}², workers {workers}: {span_s:.1f} s"
            work_s[workers] += span_s
    yield f"batch, two workers against one: {work_s[1] / work_s[2]:.2f} ×"


def _crops(folder: Path) -> Path:
    """Different parts of a photo."""
    folder.mkdir()
    pixels = photo()
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        top, left = (int(rng.integers(0, n - SIDE_PX)) for n in pixels.shape[:2])
        Image.fromarray(pixels[top : top + SIDE_PX, left : left + SIDE_PX]).save(folder / f"{number:04}.png")
    return folder
