"""`roundel desktop` lets other programs know .rndl files, and takes back what it wrote."""

import configparser
import io
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.cli import desktop
from roundel.cli.main import run
from tests.test_codec import scene

SPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"
OWN = "0\tstring\tmine\tmy own file\n"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not here")
    return found


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a picture.rndl"
    path.write_bytes(roundel.encode(scene(300, 411), lossless=True, effort=0))
    return path


def test_install_and_uninstall(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["desktop", "--install"]) == 0
    written = set(capsys.readouterr().out.splitlines())
    expected = {".magic", ".local/share/mime/packages/roundel.xml", ".local/share/thumbnailers/roundel.thumbnailer"}
    assert written == {str(home / name) for name in expected}
    assert expected <= files(home)
    assert run(["desktop", "--install"]) == 0
    assert (home / ".magic").read_text().count("roundel: begin") == 1
    assert run(["desktop", "--uninstall"]) == 0
    assert not expected & files(home)
    assert run(["desktop", "--uninstall"]) == 0


def test_a_magic_file_of_one_s_own_stays(home: Path) -> None:
    (home / ".magic").write_text(OWN)
    assert run(["desktop", "--install"]) == 0
    assert (home / ".magic").read_text() == OWN + (desktop.DATA / "magic").read_text()
    assert run(["desktop", "--uninstall"]) == 0
    assert (home / ".magic").read_text() == OWN


def test_a_prefix(home: Path) -> None:
    prefix = home / "usr"
    assert run(["desktop", "--install", "--prefix", str(prefix)]) == 0
    assert not (home / ".magic").exists()
    ours = {name for name in files(prefix) if "roundel" in name and "x-roundel" not in name}
    assert ours == {
        "share/misc/roundel.magic",
        "share/mime/packages/roundel.xml",
        "share/thumbnailers/roundel.thumbnailer",
    }
    assert run(["desktop", "--uninstall", "--prefix", str(prefix)]) == 0
    assert not {name for name in files(prefix) if "roundel" in name}


def test_neither_is_wrong_usage(home: Path) -> None:
    assert run(["desktop"]) == 2
    assert not files(home)


def test_the_type_says_what_files_are() -> None:
    tree = ElementTree.parse(desktop.DATA / "roundel.xml").getroot()
    kind = tree.find(f"{SPACE}mime-type")
    assert kind is not None
    assert kind.get("type") == "image/x-roundel"
    assert [glob.get("pattern") for glob in kind.iter(f"{SPACE}glob")] == ["*.rndl"]
    magic = [match.get("value", "") for match in kind.iter(f"{SPACE}match")]
    assert [value.encode().decode("unicode_escape").encode("latin-1") for value in magic] == [roundel.container.MAGIC]


def test_the_thumbnailer_makes_a_thumbnail(home: Path, picture: Path) -> None:
    """In a file that is there and open already: what was opened is read."""
    assert run(["desktop", "--install"]) == 0
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(home / ".local/share/thumbnailers/roundel.thumbnailer")
    line = shlex.split(entry["Thumbnailer Entry"]["Exec"])
    with tempfile.NamedTemporaryFile(dir=home) as result:
        values = {"%i": str(picture), "%o": result.name, "%s": "128"}
        words = [values.get(word, word) for word in line[1:]]
        subprocess.run([sys.executable, "-m", "roundel", *words], check=True)
        with Image.open(io.BytesIO(result.read()), formats=["PNG"]) as found:
            assert found.size == (128, 93)
            assert np.ptp(np.asarray(found)) > 100


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (roundel.encode(scene(40, 60, 4), lossless=True, effort=0), "RGBA"),
        (roundel.encode(np.full((40, 60), 40000, np.uint16), lossless=True, effort=0), "L"),
        (roundel.pack([scene(40, 60), scene(5, 5)], model="photo-fast"), "RGB"),
    ],
    ids=["alpha", "16 bits", "pack"],
)
def test_thumbnails_of_all_kinds(data: bytes, mode: str, tmp_path: Path) -> None:
    (tmp_path / "x.rndl").write_bytes(data)
    assert run(["desktop", "--thumbnail", str(tmp_path / "x.rndl"), str(tmp_path / "out"), "30"]) == 0
    with Image.open(tmp_path / "out", formats=["PNG"]) as found:
        assert (found.mode, found.size) == (mode, (30, 20))
        assert mode != "L" or found.getpixel((3, 3)) == 40000 >> 8


def test_a_thumbnail_of_a_slide_decodes_its_coarse_passes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop, "MAX_PIXELS", 1000)
    (tmp_path / "x.rndl").write_bytes(roundel.encode(scene(90, 300), lossless=True, effort=0))
    assert run(["desktop", "--thumbnail", str(tmp_path / "x.rndl"), str(tmp_path / "out"), "10"]) == 0
    with Image.open(tmp_path / "out") as found:
        assert found.size == (10, 3)
    assert run(["desktop", "--thumbnail", str(tmp_path / "x.rndl"), str(tmp_path / "large"), "100"]) == 1


def test_no_thumbnail_of_what_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.rndl"
    path.write_bytes(roundel.encode(scene(40, 60), lossless=True, effort=0)[:-5])
    for source, side in [(path, "30"), (tmp_path / "none", "30"), (path, "x")]:
        assert run(["desktop", "--thumbnail", str(source), str(tmp_path / "out"), side]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("path", "word"), [("/usr/bin/x", "/usr/bin/x"), ("/a b/$x", '"/a b/\\$x"')])
def test_words_of_a_command(path: str, word: str) -> None:
    assert desktop.quoted(path) == word


def test_file_names_ours(picture: Path, tmp_path: Path) -> None:
    program = needs("file")
    pack = tmp_path / "pack.rndl"
    pack.write_bytes(roundel.pack([scene(8, 8, 1)], model="photo-fast"))
    found = [
        subprocess.run(
            [program, "-b", "-m", str(desktop.DATA / "magic"), *options, str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for path, options in [(picture, []), (pack, []), (picture, ["--mime-type"])]
    ]
    assert found == [
        "roundel image, version 1, lossless, RGB",
        "roundel image, version 1, lossless, grey, a pack of many",
        "image/x-roundel",
    ]


def test_file_finds_the_lines_at_home(home: Path, picture: Path) -> None:
    program = needs("file")
    assert run(["desktop", "--install"]) == 0
    found = subprocess.run([program, "-b", str(picture)], capture_output=True, text=True, check=True).stdout
    assert found.startswith("roundel image")


def test_the_system_knows_the_type(home: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("update-mime-database")
    program = needs("xdg-mime")
    needs("gio")
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "GNOME")
    assert run(["desktop", "--install"]) == 0
    found = subprocess.run(
        [program, "query", "filetype", str(picture)], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "image/x-roundel"


def test_the_xml_is_well_formed() -> None:
    subprocess.run([needs("xmllint"), "--noout", str(desktop.DATA / "roundel.xml")], check=True)
