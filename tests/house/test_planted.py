"""A planted violation of each rule is found, and nothing else in the tree is taken for one."""

from pathlib import Path

import pytest

from tests.house import table
from tests.house.rules import violations

DOC = '"""What it is."""\n'


def plant(root: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    """(rule, module) of what a tree of these modules breaks; packages get an empty `__init__`."""
    for name, text in files.items():
        path = root / "roundel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith(("!", '"')) else DOC + text, encoding="utf-8")
        for folder in path.parents:
            if folder == root:
                break
            (folder / "__init__.py").touch()
    return [(v.rule, v.module) for v in violations(root / "roundel")]


SOUND = {
    "errors.py": "class RoundelError(Exception): ...",
    "container/layout.py": "import numpy as np\nfrom roundel.errors import RoundelError",
    "coding/stream.py": "import constriction",
    "codecs/protocol.py": "from roundel.container import layout",
    "codecs/zoo.py": "from importlib import import_module\nimport_module(input())",
    "codec.py": "from typing import TYPE_CHECKING\nfrom roundel.codecs import zoo\nif TYPE_CHECKING:\n    import torch",
    "cli/train.py": "import click\ndef command():\n    import torch\n    from roundel.training import trainer",
    "training/trainer.py": "import torch\nfrom roundel import codec",
    "lab/gaps.py": "import torch\nfrom roundel.training import trainer",
}


def test_a_sound_tree_has_none(tmp_path: Path) -> None:
    assert plant(tmp_path, SOUND) == []


PLANTED: dict[str, tuple[dict[str, str], set[tuple[str, str]]]] = {
    "a module without a room": ({"surprise.py": ""}, {("rooms", "surprise")}),
    "container knows codecs": (
        {"container/a.py": "from roundel.codecs.zoo import get", "codecs/zoo.py": ""},
        {("rooms", "container.a")},
    ),
    "container knows codecs, within a function": (
        {"container/a.py": "def f():\n    from roundel.codecs import zoo", "codecs/zoo.py": ""},
        {("rooms", "container.a")},
    ),
    "one family knows another": (
        dict.fromkeys((f"codecs/{f}/{k}.py" for f in ("pyramid", "wavelet") for k in table.FAMILY_FILES), "")
        | {"codecs/pyramid/walk.py": "from roundel.codecs.wavelet.symbols import x"},
        {("rooms", "codecs.pyramid.walk")},
    ),
    "a family reads the zoo": (
        {f"codecs/pyramid/{k}.py": "" for k in table.FAMILY_FILES}
        | {"codecs/pyramid/codec.py": "from roundel.codecs import zoo", "codecs/zoo.py": ""},
        {("rooms", "codecs.pyramid.codec")},
    ),
    "image knows whole pictures": (
        {"image/files.py": "import roundel.codec", "codec.py": ""},
        {("rooms", "image.files")},
    ),
    "the product imports training": (
        {"codec.py": "from roundel.training import data", "training/data.py": ""},
        {("rooms", "codec"), ("product", "codec")},
    ),
    "the product imports the lab lazily": (
        {"measure/rd.py": "def f():\n    from roundel.lab import gaps", "lab/gaps.py": ""},
        {("rooms", "measure.rd"), ("product", "measure.rd")},
    ),
    "the product imports torch": (
        {"coding/tables.py": "import torch.nn"},
        {("libraries", "coding.tables"), ("product", "coding.tables")},
    ),
    "the product imports torch in a function": (
        {"cli/encode.py": "def f():\n    import torch"},
        {("libraries", "cli.encode"), ("product", "cli.encode")},
    ),
    "the product imports torch by a call": (
        {"codec.py": "import importlib\ndef f():\n    return importlib.import_module('torch')"},
        {("libraries", "codec"), ("product", "codec")},
    ),
    "the product writes graphs": (
        {"engine/graph.py": "import onnx"},
        {("libraries", "engine.graph"), ("product", "engine.graph")},
    ),
    "the training command loads torch before it is called": (
        {"cli/train.py": "import torch"},
        {("libraries", "cli.train"), ("product", "cli.train"), ("commands", "cli.train")},
    ),
    "the training command reaches into the lab": (
        {"cli/train.py": "def f():\n    from roundel.lab import gaps", "lab/gaps.py": ""},
        {("rooms", "cli.train")},
    ),
    "training knows the lab": (
        {"training/data.py": "from roundel.lab import gaps", "lab/gaps.py": ""},
        {("rooms", "training.data")},
    ),
    "two import each other": (
        {"container/a.py": "from roundel.container import b", "container/b.py": "from roundel.container import a"},
        {("circles", "container.a")},
    ),
    "three in a circle, one lazily": (
        {
            "coding/a.py": "from roundel.coding.b import x",
            "coding/b.py": "def f():\n    from roundel.coding import c",
            "coding/c.py": "import roundel.coding.a",
        },
        {("circles", "coding.a")},
    ),
    "a circle by way of the package": (
        {
            "coding/__init__.py": '"""Doc."""\nfrom roundel.coding.a import x',
            "coding/a.py": "from roundel.coding import x",
        },
        {("circles", "coding")},
    ),
    "entropy coding outside coding": ({"codec.py": "import constriction"}, {("libraries", "codec")}),
    "a runtime outside the engine": (
        {f"codecs/pyramid/{k}.py": "" for k in table.FAMILY_FILES} | {"codecs/pyramid/nets.py": "import onnxruntime"},
        {("libraries", "codecs.pyramid.nets")},
    ),
    "a command line outside cli": ({"packing.py": "import click"}, {("libraries", "packing")}),
    "pictures in the container": ({"container/a.py": "from PIL import Image"}, {("libraries", "container.a")}),
    "a library that nobody knows": ({"training/data.py": "import pandas"}, {("libraries", "training.data")}),
    "onnx beside the graphs": ({"training/trainer.py": "import onnx"}, {("libraries", "training.trainer")}),
    "a relative import": ({"container/a.py": "from . import b", "container/b.py": ""}, {("forms", "container.a")}),
    "everything": ({"container/a.py": "from numpy import *"}, {("forms", "container.a")}),
    "another's private name": (
        {"container/a.py": "from roundel.container.b import _f", "container/b.py": ""},
        {("forms", "container.a")},
    ),
    "an import by a computed name": (
        {"codec.py": "from importlib import import_module\nimport_module('tor' + 'ch')"},
        {("forms", "codec")},
    ),
    "too long to read": ({"container/a.py": "x = 1\n" * table.LONGEST}, {("sizes", "container.a")}),
    "no word about itself": ({"container/a.py": '"" or None'}, {("docstrings", "container.a")}),
    "a name that says nothing": ({"container/utils.py": ""}, {("names", "container.utils")}),
    "work in __init__": ({"container/__init__.py": '"""Doc."""\nx = sorted([])'}, {("reexports", "container")}),
    "a function in __init__": ({"coding/__init__.py": '"""Doc."""\ndef f(): ...'}, {("reexports", "coding")}),
    "a command that loads arrays": ({"cli/info.py": "import numpy"}, {("commands", "cli.info")}),
    "a command that loads the codecs": (
        {"cli/info.py": "from roundel.codecs import zoo", "codecs/zoo.py": ""},
        {("commands", "cli.info")},
    ),
    "a family without its files": (
        {f"codecs/tokens/{k}.py": "" for k in table.FAMILY_FILES - {"nets"}},
        {("families", "codecs.tokens")},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str, tmp_path: Path) -> None:
    files, expected = PLANTED[name]
    assert set(plant(tmp_path, files)) == expected


def test_every_rule_has_a_planted_violation() -> None:
    planted = {rule for _, expected in PLANTED.values() for rule, _ in expected}
    text = (Path(__file__).parent / "rules.py").read_text(encoding="utf-8")
    rules = {part.split('"')[1] for part in text.split("Violation(")[1:] if part.startswith('"')}
    assert planted == rules
