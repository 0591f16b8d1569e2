"""The package keeps the rules of the house, as it is written and as it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

import roundel
from tests.house import table
from tests.house.rules import violations

ROOT = Path(roundel.__file__).parent

WITHOUT_WORKSHOP = """
import sys
from importlib import import_module
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {libraries} or name.startswith({inside}):
            raise ImportError(f"{{name}} is of the workshop")

sys.meta_path.insert(0, Refuse())
root = Path({root!r})
for path in sorted(root.rglob("*.py")):
    parts = [p for p in path.relative_to(root.parent).with_suffix("").parts if p != "__init__"]
    name = ".".join(parts)
    if not name.startswith({inside}) and parts[-1] != "__main__":
        import_module(name)
"""


def test_the_package_keeps_the_rules() -> None:
    assert [f"{v.rule}: roundel.{v.module} {v.text}" for v in violations(ROOT)] == []


def test_every_product_module_loads_without_the_workshop() -> None:
    inside = tuple(f"roundel.{room}" for room in table.WORKSHOP)
    code = WITHOUT_WORKSHOP.format(libraries=sorted(table.WORKSHOP_LIBRARIES), inside=inside, root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["encode", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    heavy = ("numpy", "PIL", "onnxruntime", "torch", "tqdm", "constriction", "safetensors")
    code = (
        "import sys\nfrom roundel.cli.main import run\n"
        f"assert run({arguments!r}) == 0\nprint([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, roundel; print([m for m in ('numpy', 'PIL', 'onnxruntime', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
