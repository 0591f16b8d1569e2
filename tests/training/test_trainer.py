"""The trainer: learns, resumes, keeps the last good checkpoint, stops when it is told to, says how it goes."""

import json
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from roundel.errors import ImageError, ModelError
from roundel.training.data import Crops
from roundel.training.quantizers import VectorQuantizer
from roundel.training.trainer import Interrupted, Schedule, averaged, train


class Line:
    """Fit y = 3x with one weight."""

    def __init__(self, poison_at: float = 2.0) -> None:
        self.model = nn.Linear(1, 1)
        self.poison_at = poison_at

    def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        return torch.full((count, 3, side, side), 255, dtype=torch.uint8)

    def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
        loss = (model(x.mean().view(1, 1)) - 3).square().mean()
        loss = loss * float("nan") if progress >= self.poison_at else loss
        return loss, {"loss": loss.item()}

    def validate(self, model: nn.Module) -> tuple[float, dict[str, float]]:
        return (model(torch.ones(1, 1)) - 3).square().item(), {}


SHORT = Schedule(steps=60, lr=0.1, warmup=2, muon=False, ema=0.9, crops=((0.0, 8, 1),), validate_every=20, bf16=False)


def test_training_reaches_the_optimum(tmp_path: Path) -> None:
    task = Line()
    average = train(task, SHORT, tmp_path, progress=False)
    assert task.validate(average)[0] < 0.05
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").open()][-1]["step"] == 60


def test_resuming_gives_what_an_unbroken_run_gives(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = Line()
    start = {k: v.clone() for k, v in first.model.state_dict().items()}
    whole = train(first, SHORT, tmp_path / "whole", progress=False)
    halves = Line()
    halves.model.load_state_dict(start)
    train(halves, SHORT, tmp_path / "halves", stop_after_s=0, progress=False)
    resumed = train(Line(), SHORT, tmp_path / "halves", resume=True, progress=False)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="loss is nan"):
        train(Line(poison_at=0.5), SHORT, tmp_path, progress=False)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 20
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_a_gradient_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    """The loss may be fine while its slope is not: √ has an infinite one at 0."""

    class Steep(Line):
        def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
            loss, values = super().loss(model, x, progress)
            return (loss + (0 * loss).sqrt() if progress >= 0.65 else loss), values

    with pytest.raises(ModelError, match=r"step 39: the norm of the gradients is (nan|inf).*--resume.*checkpoint.pt"):
        train(Steep(), SHORT, tmp_path, progress=False)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 20
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_before_the_first_checkpoint_none_is_promised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no checkpoint yet"):
        train(Line(poison_at=0.0), SHORT, tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_crops_of_later_stages_are_tried_at_once(tmp_path: Path) -> None:
    class Pictures(Line):
        def batch(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
            return Crops([np.zeros((40, 40, 3), np.uint8)]).batch(count, side, generator)

    schedule = replace(SHORT, crops=((0.0, 8, 1), (0.5, 64, 1)))
    with pytest.raises(ImageError, match="smaller than the crop of 64"):
        train(Pictures(), schedule, tmp_path, progress=False)
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_a_folder_with_a_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    train(Line(), SHORT, tmp_path, progress=False)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ModelError, match=r"checkpoint.pt exists: .*--resume.*-f"):
        train(Line(), SHORT, tmp_path, progress=False)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    train(Line(), replace(SHORT, steps=3), tmp_path, force=True, progress=False)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").open()] == [3]  # of this training alone


def test_weights_without_a_checkpoint_are_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"weights\.safetensors exists"):
        train(Line(), SHORT, tmp_path, progress=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_the_checkpoint_and_the_run_can_go_on(number: signal.Signals, tmp_path: Path) -> None:
    class Signalled(Line):
        def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
            if progress == pytest.approx(17 / 60):
                signal.raise_signal(number)
            return super().loss(model, x, progress)

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    torch.manual_seed(0)
    whole = train(Line(), SHORT, tmp_path / "whole", progress=False)
    torch.manual_seed(0)
    with pytest.raises(Interrupted, match=r"after step 18; .*--resume") as caught:
        train(Signalled(), SHORT, tmp_path / "run", progress=False)
    assert caught.value.signal == number
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 18
    resumed = train(Line(), SHORT, tmp_path / "run", resume=True, progress=False)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_training_in_a_thread_takes_no_signals(tmp_path: Path) -> None:
    """Python allows handlers in the main thread only."""
    worker = threading.Thread(target=lambda: train(Line(), SHORT, tmp_path, progress=False))
    worker.start()
    worker.join()
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 60


def test_redirected_progress_is_lines_with_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(Line(), SHORT, tmp_path / "shown")
    found = capsys.readouterr()
    lines = found.err.splitlines()
    assert found.out == ""
    assert "\r" not in found.err
    assert lines[0].startswith("step 1/60  loss ")
    assert [line.split()[1] for line in lines if "validation  score" in line] == ["20/60", "40/60", "60/60"]
    train(Line(), SHORT, tmp_path / "silent", progress=False)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(Line(), SHORT, tmp_path)
    shown = capsys.readouterr().err
    assert "60/60" in shown
    assert "loss " in shown.rpartition("60/60")[2]


def test_checkpoints_of_other_models_are_named(tmp_path: Path) -> None:
    train(Line(), replace(SHORT, steps=2), tmp_path, progress=False)
    assert averaged(tmp_path / "checkpoint.pt", nn.Linear(1, 1)).keys() == {"weight", "bias"}
    for other, name in ((nn.Linear(2, 1), "weight"), (nn.Linear(1, 1, bias=False), "bias")):
        with pytest.raises(ModelError, match=f"of another model, by {name}"):
            averaged(tmp_path / "checkpoint.pt", other)
    more = nn.ModuleDict({"old": nn.Linear(1, 1), "new": nn.Linear(1, 1)})
    torch.save({"average": {"old.weight": torch.ones(1, 1), "old.bias": torch.ones(1)}}, tmp_path / "old.pt")
    assert averaged(tmp_path / "old.pt", more, new="new")["new.bias"] is not None
    (tmp_path / "noise.pt").write_bytes(b"no checkpoint")
    for name in ("noise.pt", "absent.pt"):
        with pytest.raises(ModelError, match=f"{name}: cannot start from"):
            averaged(tmp_path / name, nn.Linear(1, 1))


def test_latents_that_are_not_finite_stop_the_training_by_name(tmp_path: Path) -> None:
    class Poisoned(Line):
        def __init__(self) -> None:
            super().__init__()
            self.bottleneck = VectorQuantizer(1, 2)

        def loss(self, model: nn.Module, x: Tensor, progress: float) -> tuple[Tensor, dict[str, float]]:
            self.bottleneck(torch.full((4, 1), float("nan" if progress >= 0.5 else "1")))
            return super().loss(model, x, progress)

    with pytest.raises(ModelError, match=r"step 30: VectorQuantizer: 4 of 4 latents are NaN.*checkpoint\.pt"):
        train(Poisoned(), SHORT, tmp_path, progress=False)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 20
