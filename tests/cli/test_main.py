"""What holds for every command: quick starts, pipes, one-line errors, exit codes, nothing half-written."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import roundel
from roundel.cli import main
from roundel.cli.main import COMMANDS, run
from roundel.cli.streams import max_pixels_option
from roundel.container import DEFAULT_MAX_PIXELS
from tests.cli.conftest import Shell, pixels
from tests.standin import BlockMeans
from tests.test_codec import scene

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "tests.cli.program")


def start(*arguments: object, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """The command line with the stand-in models, as a process of its own."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, check=False, timeout=60)


# ---- quick starts


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["info", "FILE"], ["models"], ["encode", "--help"]])
def test_these_start_at_once(arguments: list[str], packed: Path) -> None:
    arguments = [str(packed) if argument == "FILE" else argument for argument in arguments]
    code = (
        "import sys; from roundel.cli.main import run; code = run(sys.argv[1:]); "
        "loaded = {'torch', 'numpy', 'onnxruntime', 'PIL', 'constriction'} & set(sys.modules); "
        "assert not loaded, loaded; sys.exit(code)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.3  # 0.1 s on an idle machine


@pytest.mark.parametrize(
    ("given", "then"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")], ids=["by default", "unless asked"]
)
def test_waiting_threads_leave_the_processor_to_others(
    given: dict[str, str], then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", given)
    monkeypatch.setattr(main, "run", lambda: 0)
    with pytest.raises(SystemExit):
        main.main()
    assert given["OMP_WAIT_POLICY"] == then


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, roundel; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_python_m_roundel_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "roundel", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"roundel {roundel.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: roundel " + name in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["lab"]])
def test_nothing_but_the_name_is_the_help_page(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--help"]) == 0
    page = capsys.readouterr().out
    assert run(arguments) == 2
    assert capsys.readouterr().err == page


def test_the_pixel_limit_is_that_of_the_container() -> None:
    assert max_pixels_option(lambda: None).__click_params__[0].default == DEFAULT_MAX_PIXELS  # type: ignore[attr-defined]


# ---- pipes


def test_pipes_carry_pictures_and_files(photo: Path) -> None:
    packed = start("encode", "-", stdin=photo.read_bytes())
    assert packed.returncode == 0
    assert packed.stdout == roundel.encode(scene(130, 200), model=BlockMeans())
    shown = start("decode", "-", stdin=packed.stdout)
    assert shown.returncode == 0
    assert shown.stdout.startswith(b"\x89PNG")
    assert b"200\xc3\x97130" in shown.stderr
    assert start("info", "-", stdin=packed.stdout).stdout.startswith(b"file")
    assert start("verify", "-", stdin=packed.stdout).returncode == 0


def test_json_goes_to_stderr_when_data_is_on_stdout(photo: Path) -> None:
    done = start("encode", photo, "-o", "-", "--json")
    assert done.stdout.startswith(b"\x89RND")
    assert done.stderr.startswith(b"{")


def test_a_reader_that_leaves_early_is_no_drama(packed: Path) -> None:
    files = " ".join([str(packed)] * 300)
    command = f"{sys.executable} -m tests.cli.program info --json {files} | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, cwd=ROOT, check=False, timeout=60)
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_no_text_are_printed_as_they_are(packed: Path) -> None:
    name = os.fsencode(packed.parent) + b"/\xff.rndl"
    os.rename(packed, name)
    for arguments in (["verify"], ["info"], ["info", "--json"], ["decode", "-v"]):
        done = subprocess.run([*PROGRAM, *arguments, name], capture_output=True, cwd=ROOT, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert b"\xff" in done.stdout or rb"\udcff" in done.stdout + done.stderr


# ---- errors


def assert_one_line(done: "subprocess.CompletedProcess[bytes]", *words: str) -> None:
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("roundel: error: ")
    for word in words:
        assert word in lines[0]


def test_missing_empty_foreign_truncated_and_future_files(packed: Path, tmp_path: Path) -> None:
    data = packed.read_bytes()
    version = data.index(b"\n", 7) + 1
    cases = {
        "empty": b"",
        "foreign": b"GIF89a" + bytes(100),
        "truncated": data[:-5],
        "future": data[:version] + bytes([data[version] + 1]) + data[version + 1 :],
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.rndl"
        path.write_bytes(content)
        for command in (("decode", path), ("verify", path)):
            assert_one_line(start(*command), f"{name}.rndl")
        assert not path.with_suffix(".png").exists()
    assert_one_line(start("decode", tmp_path / "missing.rndl"), "missing.rndl")
    assert_one_line(start("encode", tmp_path / "missing.png"), "missing.png")
    assert_one_line(start("info", tmp_path / "foreign.rndl"), "foreign.rndl")
    assert b"version" in start("info", tmp_path / "future.rndl").stderr


def test_a_file_of_an_unknown_model(packed: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roundel", "decode", str(packed), "-f"], capture_output=True, check=False
    )
    assert_one_line(done, "60000", "photo.rndl")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    for command in ("encode", "decode", "verify", "info", "tokenize"):
        assert_one_line(start(command, tmp_path), tmp_path.name)


@pytest.mark.parametrize("command", [("encode", "photo.png"), ("decode", "photo.rndl")])
def test_outputs_that_cannot_be_written(packed: Path, command: tuple[str, str]) -> None:
    name, source = command
    suffix = ".rndl" if name == "encode" else ".png"
    assert_one_line(start(name, packed.parent / source, "-o", packed.parent / "no" / f"x{suffix}"), "no")
    assert list(packed.parent.glob("*.part")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk(packed: Path, photo: Path) -> None:
    assert_one_line(start("encode", photo, "-o", "/dev/full"), "No space left")
    for arguments in (["encode", str(photo), "-o", "-"], ["decode", str(packed), "-o", "-"], ["info", str(packed)]):
        with open("/dev/full", "wb") as full:
            command = [*PROGRAM, *arguments]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False, timeout=60)
        assert_one_line(done, "No space left")  # type: ignore[arg-type]


def test_a_picture_of_too_many_pixels(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", packed.with_suffix(".png"), "-o", "x.rndl", "--max-pixels", 25_999) == 1
    assert shell("decode", packed, "-o", "x.png", "--max-pixels", 25_999) == 1
    err = capsys.readouterr().err
    assert err.count("200×130") >= 2
    assert "--max-pixels" in err


def test_a_header_of_a_billion_pixels_costs_nothing() -> None:
    head = b"P6 40000 30000 255\n"
    began = time.perf_counter()
    assert_one_line(start("encode", "-", stdin=head), "40000×30000")
    assert time.perf_counter() - began < 20


def test_no_memory_is_one_line(
    shell: Shell, packed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(BlockMeans, "decode", fail)
    assert shell("decode", packed, "-o", "x.png") == 1
    assert "not enough memory" in capsys.readouterr().err


def test_an_interrupt_is_130_and_leaves_nothing(tmp_path: Path) -> None:
    """The program waits for its input when the signal comes."""
    command = [*PROGRAM, "encode", "-", "-o", str(tmp_path / "x.rndl")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # A job in the background inherits that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stdin is not None
        process.stdin.write(bytes(1 << 20))  # more than a pipe holds: returns when the program is reading
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.decode().strip() == "roundel: interrupted"
    assert not (tmp_path / "x.rndl").exists()


def test_decoding_twice_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    for jobs in (1, 4):
        assert start("decode", packed, "-o", tmp_path / f"{jobs}.png", "-j", jobs).returncode == 0
    assert np.array_equal(pixels(tmp_path / "1.png"), pixels(tmp_path / "4.png"))
    assert os.listdir(tmp_path).count("1.png") == 1
