"""The FSQ paper's experiments: rows at equal rate, by hand."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "fsq"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """experiments/fsq/tables.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("fsq_tables", FOLDER / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(name: str, seed: int, bits: float, psnr_db: float) -> dict[str, Any]:
    """As much of a result as rows at equal rate need."""
    return {"name": name, "seed": seed, "stream_bits": bits, "psnr_db": psnr_db}


def test_rows_stand_beside_lines_of_their_own_seed(tables: ModuleType) -> None:
    """180 bits are two thirds of the way from 160 to 190: 20 + ⅔·0.9 = 20.60 dB with seed 1, 0.3 less with seed 2."""
    runs = {
        "grid-vq-12": [row("grid-vq-12", 1, 190, 20.9), row("grid-vq-12", 2, 190, 20.6)],
        "grid-vq-10": [row("grid-vq-10", 1, 160, 20.0), row("grid-vq-10", 2, 160, 19.7)],
        "grid-fsq-12": [row("grid-fsq-12", 1, 180, 20.5), row("grid-fsq-12", 2, 180, 20.5)],
        "grid-fsq-8": [row("grid-fsq-8", 1, 150, 19.0)],  # below all of VQ: nothing to compare with
    }
    text = tables._equal_rate(runs, ("grid-fsq-8", "grid-fsq-12"), ("grid-vq-10", "grid-vq-12"), "VQ")
    assert "| grid-fsq-12, seed 1 | 180.0 | 20.50 | 20.60 | -0.10 |" in text
    assert "| grid-fsq-12, seed 2 | 180.0 | 20.50 | 20.30 | +0.20 |" in text
    assert "grid-fsq-8" not in text
