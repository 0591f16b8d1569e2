"""Data flows one way through the layers, and so do imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import roundel

ROOT = Path(roundel.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# A package may import those to its right (and single modules of the image layer only where it says so).
LAYERS = ("cli", "codec", "models", "entropy", "quantizers", "nets", "exact", "coding", "container")
ABOVE = {layer: set(LAYERS[:place]) for place, layer in enumerate(LAYERS)}
CODEC = {"codec", "restore", "target", "loading"}
FOREIGN = {"constriction": {"coding"}, "click": {"cli"}}


def _name(path: Path) -> str:
    """roundel.x.y for a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("roundel", *(part for part in parts if part != "__init__")))


def _layer(module: str) -> str:
    """First part below roundel; the modules of the codec count as one."""
    part = module.split(".")[1] if "." in module else ""
    return "codec" if part in CODEC else part


def _imports(path: Path, *, top_only: bool) -> Iterator[str]:
    """Modules that a file imports; those for type checkers alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "roundel":
                yield from (f"roundel.{alias.name}" for alias in node.names)
            else:
                yield node.module
        todo.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_flow_one_way(path: Path) -> None:
    layer = _layer(_name(path))
    if layer in ("lab", "plugins", "web", ""):
        return
    for found in _imports(path, top_only=False):
        below = _layer(found) if found.startswith("roundel.") else ""
        assert below not in ABOVE.get(layer, set()), f"{_name(path)} imports {found}, which lies above it"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_the_product_never_imports_the_lab(path: Path) -> None:
    if _layer(_name(path)) == "lab":
        return
    allowed = path.relative_to(ROOT).as_posix() in ("cli/train.py", "cli/eval.py", "cli/lab.py")
    for found in _imports(path, top_only=allowed):
        assert _layer(found) != "lab", f"{_name(path)} imports {found}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_libraries_have_their_place(path: Path) -> None:
    layer = _layer(_name(path))
    for found in _imports(path, top_only=False):
        library = found.split(".")[0]
        assert layer in FOREIGN.get(library, {layer}), f"{_name(path)} imports {library}"
        assert not (layer in ("container", "coding") and library == "torch"), f"{_name(path)} imports torch"
        assert not (layer == "container" and library == "PIL"), f"{_name(path)} imports Pillow"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_are_of_a_size_to_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not text or path.name == "_version.py" or ast.get_docstring(ast.parse(text)), (
        "a module says in one line what it is"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=_name)
def test_commands_start_quickly(path: Path) -> None:
    """Heavy libraries are imported inside the functions that need them."""
    heavy = {"torch", "numpy", "PIL", "tqdm", "constriction", "safetensors"}
    light = {"roundel.errors", "roundel._version", "roundel.atomic"}
    for found in _imports(path, top_only=True):
        assert found.split(".")[0] not in heavy
        assert not found.startswith("roundel.") or found in light or _layer(found) == "cli"
