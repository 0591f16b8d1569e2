"""The documentation lacks nothing: every public name, every page, every command of `roundel batch`'s guide."""

import re
from pathlib import Path

import roundel
from roundel.cli.main import group

DOCS = Path(__file__).parents[1] / "docs"


def test_every_public_name_is_explained() -> None:
    text = (DOCS / "api.md").read_text()
    named = set(re.findall(r"auto(?:function|class|exception):: (\w+)", text))
    assert set(roundel.__all__) - named == {"__version__"}


def test_every_page_is_in_the_index() -> None:
    listed = set(re.findall(r"^(\w+)$", (DOCS / "index.md").read_text(), re.M))
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages <= listed


def test_options_of_commands_that_guides_show_exist() -> None:
    """Of lines that begin with a command, in guides and in the README."""
    wrong, seen = [], 0
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for line in page.read_text().splitlines():
            found = re.match(r"roundel (\w+) ([^#`]*)", line)
            command = group.get_command(None, found[1]) if found else None  # type: ignore[arg-type]
            if not found or command is None or hasattr(command, "commands"):
                continue
            known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
            used = re.findall(r"(?<!\S)(--[a-z0-9-]+)", re.split(r"\s{3,}| \| ", found[2])[0])
            seen += len(used)
            wrong += [f"{page.name}: roundel {found[1]} {name}" for name in used if name not in known]
    assert wrong == []
    assert seen > 20
