"""The rules of the house, checked over a source tree by reading it; nothing is imported.

`python -m tests.house` lists what the package breaks.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.house import table


class Violation(NamedTuple):
    """A rule that a module breaks."""

    rule: str
    module: str
    text: str


class Import(NamedTuple):
    """What a module imports, as a full name."""

    target: str
    lazy: bool
    """Inside a function."""


class Module(NamedTuple):
    """A module as it is written; `name` is what follows "roundel.", "" for the package itself."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]


def violations(root: Path) -> list[Violation]:
    """All that a package's source (the folder `roundel`) breaks, module by module."""
    modules = _read(root)
    found = [v for module in modules.values() for rule in _EACH for v in rule(module)]
    return list(dict.fromkeys([*found, *_circles(modules), *_families(modules)]))


def room_of(name: str) -> str | None:
    """The room that a module stands in, None for one that no room is for."""
    if name == "":
        return "public"
    if name in table.WHOLE:
        return "whole"
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (prefix := ".".join(parts[:length])) in table.ROOMS and prefix not in ("whole", "public"):
            return prefix
    return None


def _read(root: Path) -> dict[str, Module]:
    names = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    modules = {}
    for name, path in names.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        modules[name] = Module(name, path, text, tree, tuple(_imports(tree, set(names))))
    return modules


def _imports(tree: ast.Module, names: set[str]) -> Iterator[Import]:
    """Imports of a module, wherever they stand; those for type checkers alone do not count."""
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, lazy = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend((child, lazy) for child in node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                # `from package import name` needs the module of that name, or else what the package's __init__ holds.
                yield Import(full if full.removeprefix("roundel.") in names else node.module, lazy)
        elif isinstance(node, ast.Call) and _is_import_call(node) and _says_what(node):
            yield Import(str(node.args[0].value), lazy)  # type: ignore[attr-defined]
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        todo.extend((child, lazy) for child in ast.iter_child_nodes(node))


def _is_import_call(node: ast.Call) -> bool:
    return ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")


def _says_what(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], ast.Constant)


def _inside(target: str) -> str | None:
    """The name below `roundel` of what is imported, None for other libraries."""
    if target == "roundel" or target.startswith("roundel."):
        return target.removeprefix("roundel").removeprefix(".")
    return None


def _rooms(module: Module) -> Iterator[Violation]:
    """Every module stands in a room, and imports only from those that its room may."""
    room = room_of(module.name)
    if room is None:
        yield Violation("rooms", module.name, "stands in no room of the table")
        return
    allowed = table.ROOMS[room].rooms | {room}
    for found in module.imports:
        name = _inside(found.target)
        if name is None:
            continue
        below = room_of(name)
        at_a_door = found.lazy and below in table.DOORS.get(module.name, ())
        if below not in allowed and not at_a_door:
            yield Violation("rooms", module.name, f"imports {found.target}, which {room} may not")


def _libraries(module: Module) -> Iterator[Violation]:
    """Third-party libraries stay in the rooms that they are for."""
    allowed = table.ROOMS[room_of(module.name) or "errors"].libraries
    for found in module.imports:
        library = found.target.split(".")[0]
        if library == "roundel" or library in sys.stdlib_module_names:
            continue
        if library not in allowed and not (found.lazy and library in table.DOORS.get(module.name, ())):
            yield Violation("libraries", module.name, f"imports {library}")


def _product(module: Module) -> Iterator[Violation]:
    """The product never imports the workshop or its libraries, not within functions either."""
    if module.name.split(".")[0] in table.WORKSHOP:
        return
    for found in module.imports:
        name = _inside(found.target)
        first = found.target.split(".")[0] if name is None else name.split(".")[0]
        if first not in (table.WORKSHOP_LIBRARIES if name is None else table.WORKSHOP):
            continue
        if not (found.lazy and module.name in table.DOORS):
            yield Violation("product", module.name, f"imports {first}, which is of the workshop")


def _forms(module: Module) -> Iterator[Violation]:
    """Imports say what they import: none relative, none of everything, computed names in few places only."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                yield Violation("forms", module.name, "has a relative import")
            if any(alias.name == "*" for alias in node.names):
                yield Violation("forms", module.name, f"imports everything from {node.module}")
            inside = node.module is not None and _inside(node.module) is not None
            private = [
                a.name for a in node.names if a.name.startswith("_") and a.name not in ("_version", "__version__")
            ]
            if inside and private:
                yield Violation("forms", module.name, f"imports the private {private[0]} of {node.module}")
        computed = isinstance(node, ast.Call) and _is_import_call(node) and not _says_what(node)
        if computed and module.name not in table.BY_NAME:
            yield Violation("forms", module.name, "imports by a computed name")


def _sizes(module: Module) -> Iterator[Violation]:
    """A module is of a size to read, says in one line what it is, and has a name that says something."""
    lines = len(module.text.splitlines())
    if lines > table.LONGEST:
        yield Violation("sizes", module.name, f"has {lines} lines")
    if module.text.strip() and module.name != "_version" and not ast.get_docstring(module.tree):
        yield Violation("docstrings", module.name, "does not say in one line what it is")
    if module.name.rpartition(".")[2] in table.NO_NAMES:
        yield Violation("names", module.name, "has a name that says nothing")


def _reexports(module: Module) -> Iterator[Violation]:
    """`__init__` names what lies in the package's modules and does nothing; the root may do so lazily, or where another
    library is loaded already."""
    if module.path.name != "__init__.py":
        return
    for node in module.tree.body:
        doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        listing = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        meeting = module.name == "" and isinstance(node, ast.If) and "sys.modules" in ast.unparse(node.test)
        lazy = module.name == "" and isinstance(node, ast.FunctionDef | ast.Assign | ast.AugAssign | ast.AnnAssign)
        if not (doc or checking or listing or lazy or meeting or isinstance(node, ast.Import | ast.ImportFrom)):
            yield Violation("reexports", module.name, f"does more than name things: line {node.lineno}")


def _commands(module: Module) -> Iterator[Violation]:
    """Commands import what is heavy when they are called, so that `--help` is quick."""
    if not module.name.startswith("cli"):
        return
    for found in module.imports:
        if found.lazy or found.target.split(".")[0] in sys.stdlib_module_names or found.target == "click":
            continue
        name = _inside(found.target)
        if name is None or not (name in table.LIGHT or name.startswith("cli")):
            yield Violation("commands", module.name, f"imports {found.target} before it is called")


_EACH = (_rooms, _libraries, _product, _forms, _sizes, _reexports, _commands)


def _circles(modules: Mapping[str, Module]) -> Iterator[Violation]:
    """No module imports itself by way of others, not within functions either."""
    needs = {name: sorted(_needed(module) & modules.keys() - {name}) for name, module in modules.items()}
    state: dict[str, int] = {}  # 1 while on the path, 2 when done

    def visit(name: str, path: list[str]) -> Iterator[list[str]]:
        state[name] = 1
        for needed in needs[name]:
            if state.get(needed) == 1:
                yield [*path[path.index(needed) :], needed]
            elif needed not in state:
                yield from visit(needed, [*path, needed])
        state[name] = 2

    for name in modules:
        if name not in state:
            for circle in visit(name, [name]):
                yield Violation("circles", circle[0], " → ".join(part or "roundel" for part in circle))


def _needed(module: Module) -> set[str]:
    return {name for found in module.imports if (name := _inside(found.target)) is not None}


def _families(modules: Mapping[str, Module]) -> Iterator[Violation]:
    """Every family of codecs has the same files for the same roles."""
    for family in sorted(
        {name.split(".")[1] for name in modules if name.startswith("codecs.") and name.count(".") > 1}
    ):
        held = {name.rpartition(".")[2] for name in modules if name.startswith(f"codecs.{family}.")}
        for missing in sorted(table.FAMILY_FILES - held):
            yield Violation("families", f"codecs.{family}", f"has no {missing}.py")
