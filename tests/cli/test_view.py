"""`roundel view`, up to the browser."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from roundel.cli.main import run
from tests.viewer.conftest import encoded, files, page, photo  # noqa: F401, fixtures

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


def view(*arguments: object) -> int:
    return run(["view", *map(str, arguments)])


def test_a_folder_is_exported(files: Path, page: Path, tmp_path: Path, capsys) -> None:  # noqa: F811
    assert view(files, "--export", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"] == 5
    found = json.loads((tmp_path / "out/view.json").read_text())
    assert [item["name"] for item in found["items"]] == sorted(item["name"] for item in found["items"])
    assert found["title"] == "files"
    assert view(files, "--export", tmp_path / "out") == 1
    assert "exists already" in capsys.readouterr().err


def test_two_files_of_one_picture(files: Path, page: Path, tmp_path: Path) -> None:  # noqa: F811
    assert view(files / "rough.png", files / "rough.rndl", files / "fine.rndl", "--export", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out/view.json").read_text())
    assert [item["original"]["name"] for item in found["items"]] == ["rough.png"] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{files}/rough.png"], 2, "name a .rndl file"),
        (["{files}/nothing.rndl"], 1, "no such file"),
        (["{files}/rough.rndl", "{files}/exact.png", "{files}/rough.png"], 1, "exact.png: none of"),
        (["{files}/rough.rndl", "--port", "70000"], 2, "port"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_shown_is_said(files: Path, page: Path, capsys, arguments, code, said) -> None:  # noqa: F811
    assert view(*(part.format(files=files) for part in arguments)) == code
    assert said in capsys.readouterr().err


def test_a_page_that_is_not_built_is_said_before_any_work(files: Path, tmp_path: Path, monkeypatch, capsys) -> None:  # noqa: F811
    from roundel.viewer import static

    monkeypatch.setattr(static, "STATIC", tmp_path / "nowhere")
    assert view(files) == 1
    assert "make web" in capsys.readouterr().err


SERVER = """
import sys
from pathlib import Path
from roundel.viewer import static
static.STATIC = Path({page!r})
from roundel.cli.main import run
sys.exit(run(["view", {file!r}, "--no-browser", "--json"]))
"""


def test_the_server_says_where_it_is_and_ends_with_ctrl_c(files: Path, page: Path) -> None:  # noqa: F811
    import signal

    code = SERVER.format(page=str(page), file=str(files / "rough.rndl"))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url + "view.json", timeout=60) as answer:
                assert json.load(answer)["items"][0]["name"] == "rough.rndl"
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()
