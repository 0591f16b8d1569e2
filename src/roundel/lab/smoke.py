"""Experiments at the smoke scale: does everything run? On made-up pictures, nothing is kept."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from roundel.lab import made_up

ASKED = ["--scale", "smoke"]
PICTURES, SIDE_PX = 2, 256


def run(main: Callable[[list[str] | None], Any], *commands: str) -> None:
    """Run an experiment as its command line says; `--scale smoke` alone stands for these command lines.

    Args:
        main: takes the arguments, or None for those of the process.
        commands: arguments between spaces, with {pictures} and {cifar} for folders of made-up data and {out} for one
            that is thrown away.
    """
    if sys.argv[1:] != ASKED:
        main(None)
        return
    with TemporaryDirectory() as place:
        root = Path(place)
        folders = {
            "pictures": made_up.folder(root / "pictures", PICTURES, SIDE_PX),
            "cifar": made_up.cifar(root / "cifar"),
            "out": root / "out",
        }
        folders["out"].mkdir()
        for command in commands:
            try:
                main([word.format(**folders) for word in command.split()])
            except SystemExit as end:  # how click ends, failed or not
                if end.code:
                    raise
