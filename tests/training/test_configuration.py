"""Configurations: found by path or name, changed from the command line, kept; wrong ones are named."""

from pathlib import Path

import pytest

from roundel.errors import ImageError, ModelError
from roundel.training import configuration, quantizers, recipes
from roundel.training.configuration import change, find, keep, names, read, text_of
from roundel.training.data import find_images
from roundel.training.trainer import Schedule

CONFIG = """
kind = "scale-hyperprior"
[shape]
n = 8
m = 12
[data]
validation_px = 64
[schedule]
steps = 6
crops = [[0.0, 64, 2], [0.5, 128, 1]]
bf16 = false
"""

MINE = """
from roundel.training.quantizers.ste import Ste

class Mine(Ste):
    def __init__(self, setting=0.5):
        self.setting = setting

class NoQuantizer:
    pass
"""


def test_every_configuration_that_ships_is_found_by_name_and_is_sound() -> None:
    assert {"photo", "photo-wavelet", "photo-tokens"} <= set(names())
    for name in names():
        config = read(find(name))
        kind = recipes.kind_of(config, name)
        schedule = configuration.record(Schedule, config["schedule"], "schedule")
        assert schedule.crop(0)[0] > 0
        assert callable(kind.build)


def test_a_file_comes_before_a_name_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("photo").parent != tmp_path
    (tmp_path / "photo").write_text(CONFIG)
    assert find("photo") == Path("photo")
    with pytest.raises(ModelError, match="photo-wavelet"):  # with those that there are
        find("phtoo")
    with pytest.raises(ModelError, match="no such configuration"):
        find("elsewhere/photo")


def test_settings_change_and_add_values_of_their_types() -> None:
    config = {"kind": "fsq", "schedule": {"lr": 1.0}}
    settings = ["schedule.lr=2e-3", "schedule.muon=false", "shape.levels=[8, 5]", "shape.prior=chain", 'kind="wavelet"']
    changed = change(config, settings)
    assert changed == {
        "kind": "wavelet",
        "schedule": {"lr": 2e-3, "muon": False},
        "shape": {"levels": [8, 5], "prior": "chain"},
    }
    assert config == {"kind": "fsq", "schedule": {"lr": 1.0}}
    for wrong in ("schedule.lr", "=3", "kind.lr=3"):
        with pytest.raises(ModelError, match="--set"):
            change(config, [wrong])


@pytest.mark.parametrize("name", names())
def test_what_is_kept_reads_as_what_it_was(name: str, tmp_path: Path) -> None:
    config = read(find(name))
    keep(config, tmp_path)
    assert read(tmp_path / "config.toml") == config
    assert text_of(config).count("[schedule]") == 1


def test_wrong_configurations_are_named(tmp_path: Path) -> None:
    for text, complaint in [("kind = 'unheard-of'", "unheard-of"), ("kind = ", "cannot read"),
                            (CONFIG + "speed = 3", "'speed'"), (CONFIG + "lr = 'much'", "of type float, such as 0.001"),
                            (CONFIG.replace("crops = [[0.0, 64, 2], [0.5, 128, 1]]", "crops = [64]"), "must be a list"),
                            (CONFIG.replace("[data]", "[data]\nquantizers = 'ste'"), "such as .*mixed")]:  # fmt: skip
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(ModelError, match=complaint):
            recipes.load(tmp_path / "c.toml", [tmp_path])
    with pytest.raises(ModelError, match="cannot read"):
        recipes.load(tmp_path / "absent.toml", [tmp_path])
    (tmp_path / "c.toml").write_text(CONFIG)
    with pytest.raises(ImageError, match="no pictures"):
        recipes.load(tmp_path / "c.toml", [tmp_path])
    with pytest.raises(ImageError, match="not a folder"):
        find_images([tmp_path / "nowhere"])


def test_a_quantiser_of_one_s_own_is_found_beside_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "c.toml").write_text("[data]\nquantizers = [[0.0, 'mixed'], [0.5, 'mine.py:Mine=0.25']]")
    stages = read(tmp_path / "c.toml")["data"]["quantizers"]
    assert stages[1][1] == f"{tmp_path / 'mine.py'}:Mine=0.25"
    quantizers.check(stages)
    made = quantizers.at(stages, 0.7)
    assert made.setting == 0.25  # type: ignore[attr-defined]
    assert type(made) is type(quantizers.at(stages, 0.9))  # the file is run once
    keep({"data": {"quantizers": stages}}, tmp_path / "run")  # and found from the folder of the training
    assert read(tmp_path / "run" / "config.toml")["data"]["quantizers"] == stages


def test_wrong_quantisers_of_one_s_own_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("1 / 0")
    for spec, complaint in (
        ("mine.py:Absent", "has no Absent"),
        ("mine.py:NoQuantizer", r"needs methods train\(y, loc, bits\)"),
        ("mine.py:Mine=much", "does not take the setting 'much'"),
        ("absent.py:Mine", "no such Python file"),
        ("broken.py:Mine", "cannot be imported: ZeroDivisionError"),
    ):
        with pytest.raises(ModelError, match=complaint):
            quantizers.make(f"{tmp_path}/{spec}")
