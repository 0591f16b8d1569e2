"""Every experiment has a scale at which it only shows that it runs; `make experiments-smoke` runs them all."""

import sys
from pathlib import Path

import numpy as np
import pytest

from roundel.image import cifar, read
from roundel.lab import made_up, smoke

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*/run.py"))


@pytest.mark.parametrize("run", EXPERIMENTS, ids=lambda run: run.parent.name)
def test_every_experiment_has_a_smoke_scale(run: Path) -> None:
    *_, end = run.read_text(encoding="utf-8").partition('if __name__ == "__main__":')
    assert "smoke.run(" in end
    assert "--scale smoke" in run.read_text(encoding="utf-8").split('"""')[1]


def test_the_smoke_scale_stands_for_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def main(arguments: list[str] | None) -> None:
        assert arguments is not None
        seen.append(arguments)
        folder, batches, out = map(Path, arguments[1:])
        assert {read(file).pixels.shape for file in folder.glob("*.png")} == {(smoke.SIDE_PX, smoke.SIDE_PX, 3)}
        pixels, labels = cifar.read(sorted(batches.glob("*.bin")))
        assert len(pixels) == len(labels) == made_up.BATCH + made_up.TEST
        assert not list(out.iterdir())
        raise SystemExit(0)

    monkeypatch.setattr(sys, "argv", ["run.py", "--scale", "smoke"])
    smoke.run(main, "one {pictures} {cifar} {out}", "two {pictures} {cifar} {out}")
    assert [arguments[0] for arguments in seen] == ["one", "two"]
    assert not Path(seen[0][1]).exists()


def test_failures_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def main(_: list[str] | None) -> None:
        raise SystemExit(1)

    monkeypatch.setattr(sys, "argv", ["run.py", "--scale", "smoke"])
    with pytest.raises(SystemExit, match="1"):
        smoke.run(main, "")


def test_other_command_lines_are_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str] | None] = []
    monkeypatch.setattr(sys, "argv", ["run.py", "--scale", "small"])
    smoke.run(seen.append, "never")
    assert seen == [None]


def test_made_up_pictures_differ() -> None:
    generator = np.random.default_rng(0)
    first, second = (made_up.picture(32, 48, generator) for _ in range(2))
    assert first.shape == (32, 48, 3)
    assert first.std() > 5
    assert np.abs(first.astype(int) - second).mean() > 5
