"""What a teacher does is what it writes, and learning from it leads towards it."""

import numpy as np
import pytest
import torch

from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel
from roundel.codecs.weights import read
from roundel.training.wavelet import resume
from roundel.training.wavelet.lessons import Lesson, LessonTask, lesson, lessons
from roundel.training.wavelet.net import WaveletNet
from tests.codecs.pictures import smooth_picture
from tests.codecs.wavelets import TINY, write_tiny

SIDE = 64


class Smooth:
    def batch(self, count: int, side: int, generator: np.random.Generator) -> torch.Tensor:
        found = [smooth_picture(side, side, seed=int(generator.integers(1000))) for _ in range(count)]
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> WaveletModel:
    path = write_tiny(tmp_path_factory.mktemp("teacher") / "tiny.safetensors")
    return WaveletModel.load(read(path), name="tiny", model_id=0)


@pytest.mark.parametrize("tuning", ["ssimulacra2", "psnr"])
def test_values_and_pictures_are_those_of_the_file(teacher: WaveletModel, tuning: str) -> None:
    model, generator = teacher.tuned(tuning), np.random.default_rng(5)
    pixels = smooth_picture(SIDE, SIDE) // 2 + generator.integers(0, 120, (SIDE, SIDE, 3), np.uint8)
    own, window = lesson(model, pixels, 60), Window(0, 0, SIDE, SIDE)
    decoded = model.decode(model.encode(pixels, window, 60).passes, SIDE, SIDE, 60)
    unfiltered = decoded.latents.copy()
    unfiltered[-1] &= 15  # the filter off
    picture = torch.from_numpy(model.render(unfiltered, window, 60)).permute(2, 0, 1)
    assert torch.equal(own.decoded[0], picture)
    assert (int(own.quality), int(own.tuning), bool(own.untouched)) == (60, model.tuning, tuning == "psnr")
    # The first quantiser has even values, the second odd ones and 0.
    values, odd = own.values[-1] >> 1, own.values[-1] & 1
    assert odd.any()
    assert ((values % 2 == odd) | (values == 0)).all()


def test_a_net_that_is_the_teacher_counts_the_bits_that_it_writes(teacher: WaveletModel) -> None:
    net = WaveletNet(TINY)
    net.load_state_dict(resume.trainable(teacher.stored.weights.path, net))
    net.t_of_quality.copy_(torch.from_numpy(teacher.stored.weights.tensor("t_of_quality")))
    model, pixels = teacher.tuned("psnr"), smooth_picture(256, 256, seed=7)
    own = lesson(model, pixels, 70)
    written = 8 * sum(map(len, model.encode(pixels, Window(0, 0, 256, 256), 70).passes))
    values = [level.float() for level in own.values]
    odd = [level % 2 for level in values]
    with torch.no_grad():
        coded = net.taught(
            own.low.float(),
            [(v - o) / 2 for v, o in zip(values, odd, strict=True)],
            odd,
            net.t_of_quality[own.quality.long()].float(),
            own.tuning.long(),
        )
    assert 256 * 256 * (coded.bpp + coded.low_bpp).item() == pytest.approx(written, rel=0.05)


def test_learning_leads_to_fewer_bits_and_less_error(teacher: WaveletModel) -> None:
    torch.manual_seed(0)
    found = lessons(teacher, Smooth(), 8, SIDE, np.random.default_rng(0))
    change = torch.from_numpy(np.random.default_rng(1).normal(0, 4, found.prepared.shape)).half()
    found = found._replace(prepared=change, untouched=torch.zeros(8, dtype=torch.bool))  # what a pre-filter might say
    net = WaveletNet(TINY)
    net.initialise(found.pixels.float() / 255)
    task = LessonTask(net, found, found)
    before, parts = task.validate(net)
    assert {"bits", "filter.psnr", "filter.ssimulacra2", "prefilter.ssimulacra2"} == set(parts)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(30):
        x = task.batch(8, SIDE, np.random.default_rng(0))
        loss, _ = task.loss(net, x.float() / 255, 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after, later = task.validate(net)
    assert after < before
    assert later["bits"] < parts["bits"]


def test_rows_keep_what_belongs_together(teacher: WaveletModel) -> None:
    found = lessons(teacher, Smooth(), 4, SIDE, np.random.default_rng(1))
    some = found.rows(np.array([2, 0]))
    assert torch.equal(some.quality, found.quality[[2, 0]])
    assert torch.equal(some.values[1][0], found.values[1][2])
    both = Lesson.joined([some, found])
    assert len(both.pixels) == 6
