"""`roundel desktop`: file managers, and `file`, know .rndl files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from roundel.atomic import atomic_write
from roundel.cli.streams import naming, note
from roundel.errors import RoundelError

DATA = Path(__file__).parent.parent / "desktop"
PLACES = {"roundel.xml": "mime/packages", "roundel.thumbnailer": "thumbnailers"}
"""Where files go in a folder of shared data, as freedesktop.org has it."""
BEGIN, END = "# roundel: begin\n", "# roundel: end\n"
MAX_PIXELS = 1 << 27
"""The most to decode for a thumbnail; a picture may be far larger, since its coarse passes are enough."""
SYSTEM_PATH = ("/bin", "/usr/bin", "/usr/local/bin")


class Planned(NamedTuple):
    """A file as it is to be; without a text it goes."""

    path: Path
    text: str | None


@click.command()
@click.option("--install", "wanted", flag_value="install", help="Write the files.")
@click.option("--uninstall", "wanted", flag_value="uninstall", help="Take them away again.")
@click.option("--thumbnail", nargs=3, metavar="IN OUT PX", help="What file managers call: IN as a small PNG, into OUT.")
@click.option(
    "--prefix",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where share/ is.  [default: ~/.local, for you alone]",
)
def command(wanted: str | None, thumbnail: tuple[str, str, str] | None, prefix: str | None) -> None:
    """Let file managers show .rndl files with thumbnails, and `file` name them.

    \b
    PREFIX/share/mime/packages/roundel.xml            the type image/x-roundel
    PREFIX/share/thumbnailers/roundel.thumbnailer     thumbnails, by `roundel desktop --thumbnail`
    ~/.magic                                          what `file` says; with --prefix, PREFIX/share/misc/roundel.magic

    \b
      roundel desktop --install
      sudo roundel desktop --install --prefix /usr/local
    """
    if thumbnail is not None:
        with naming(thumbnail[0]):
            make_thumbnail(*thumbnail)
        return
    if wanted is None:
        raise click.UsageError("Give --install, --uninstall or --thumbnail.")
    own = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    shared = Path(own) if prefix is None else Path(prefix) / "share"
    for planned in plan(shared, alone=prefix is None, install=wanted == "install"):
        if planned.text is not None:
            planned.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(planned.path, force=True) as file:
                file.write(planned.text.encode("utf-8", "surrogateescape"))
        elif planned.path.exists():
            planned.path.unlink()
        else:
            continue
        click.echo(planned.path)
    _tell_system(shared / "mime")


def make_thumbnail(source: str, result: str, side_px: str) -> None:
    """Write a picture, or the first of a pack, as a PNG with no side longer than so many pixels.

    Into a file that may be there and open already: file managers make it beforehand, and read what they opened.

    Raises:
        RoundelError: the file is damaged, or the side is no number.
    """
    side = int(side_px) if side_px.isdecimal() else 0
    if not 0 < side < 1 << 16:
        raise RoundelError(f"a thumbnail of {side_px!r} px: give 1 to 65535")

    from roundel import arguments, image
    from roundel.codec import info
    from roundel.container import Kind
    from roundel.packs import unpack
    from roundel.restore import level_within, restore

    facts = info(source)
    if facts.pack:
        picture = unpack(source, [0], max_pixels=MAX_PIXELS)[0].picture
    else:
        header = facts.header
        # halves of lossless pictures leave samples out: there are to be more of them to average
        spare = 4 if header.kind is Kind.LOSSLESS else 2
        level = level_within(header.width, header.height, spare * side)
        with arguments.opened(source) as data:
            picture = restore(data, reduce=level, max_pixels=MAX_PIXELS).picture
    shown = image.to_pil(image.reduce_depth(picture))
    shown.thumbnail((side, side))
    shown.save(result, "PNG")


def plan(shared: Path, *, alone: bool, install: bool) -> Iterator[Planned]:
    """What to write or to take away.

    Args:
        shared: the folder of shared data. alone: for one user, whose own file of magic lines is kept for the rest.
    """
    for name, place in PLACES.items():
        text = (DATA / name).read_text().replace("@PROGRAM@", program()).replace("@COMMAND@", quoted(program()))
        yield Planned(shared / place / name, text if install else None)
    lines = (DATA / "magic").read_text()
    if not alone:
        yield Planned(shared / "misc" / "roundel.magic", lines if install else None)
        return
    own = Path.home() / ".magic"
    if own.is_dir() or own.with_suffix(".mgc").exists():
        note(f"roundel: {own} is not one file of lines: add those of {DATA / 'magic'} yourself")
        return
    before = own.read_text(encoding="utf-8", errors="surrogateescape") if own.exists() else ""
    rest = without_block(before)
    if install or rest != before:
        after = rest + lines if install else rest
        yield Planned(own, after or None)


def without_block(text: str) -> str:
    """A file of magic lines without ours.

    >>> without_block("0 byte 1 one\\n# roundel: begin\\n0 byte 2 two\\n# roundel: end\\n0 byte 3 three\\n")
    '0 byte 1 one\\n0 byte 3 three\\n'
    """
    start = text.find(BEGIN)
    end = text.find(END, start)
    if start < 0 or end < 0:
        return text if text.endswith("\n") or not text else text + "\n"
    return text[:start] + text[end + len(END) :]


def program() -> str:
    """How others call this program: by its name where everybody finds it, else by where it is."""
    found = shutil.which(sys.argv[0]) or shutil.which("roundel") or "roundel"
    return "roundel" if str(Path(found).parent) in SYSTEM_PATH else os.path.abspath(found)


def quoted(path: str) -> str:
    """As one word of a line `Exec=`.

    >>> quoted("/opt/my programs/roundel")
    '"/opt/my programs/roundel"'
    """
    path = path.replace("%", "%%")  # else the beginning of a field code
    if not set(path) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return path
    return '"' + "".join("\\" + character if character in '"`$\\' else character for character in path) + '"'


def _tell_system(types: Path) -> None:
    """Let the system read its table of types again, where it has one."""
    update = shutil.which("update-mime-database")
    if update is None or not (types / "packages").is_dir():
        note("roundel: `update-mime-database` is not here: the type is known once it has run on " + str(types))
        return
    done = subprocess.run([update, str(types)], capture_output=True, text=True, check=False)
    if done.returncode:
        note(f"roundel: `update-mime-database {types}` says: {' '.join(done.stderr.split()) or done.returncode}")
