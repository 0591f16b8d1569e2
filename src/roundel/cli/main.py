"""The command `roundel`: subcommands that load when they are called, and one place where errors become exit codes."""

import io
import os
import sys
import warnings
from importlib import import_module

import click

from roundel._version import __version__
from roundel.cli.streams import complain, named, note
from roundel.errors import RoundelError, RoundelWarning

FAILURE, USAGE, INTERRUPTED = 1, 2, 130

COMMANDS = {
    "encode": "Compress pictures into .rndl files.",
    "decode": "Turn .rndl files back into pictures.",
    "info": "Say what is in a .rndl file, from its first kilobyte.",
    "convert": "Write a .rndl file as a TIFF or OME-Zarr pyramid.",
    "verify": "Check that .rndl files are whole and decode to what was encoded.",
    "pack": "Many small pictures into one .rndl file, without loss.",
    "unpack": "Take pictures out of a pack.",
    "tokenize": "Turn pictures into arrays of integers.",
    "detokenize": "Turn arrays of integers back into pictures.",
    "batch": "Encode, tokenize or verify millions of pictures, on one machine or a cluster.",
    "view": "Show files in the browser, beside the pictures that they were made from.",
    "compare": "Measure how far two pictures are apart.",
    "eval": "Rate and distortion over a folder of pictures, beside other codecs.",
    "models": "List the models and their weights.",
    "desktop": "Let file managers show .rndl files with thumbnails.",
    "train": "Train a model.",
    "lab": "Measure quantisers on trained models and on sources with known optima.",
    "demo": "Encode a picture at several qualities beside JPEG, WebP and AVIF.",
}

_MODULES = {"batch": "cluster"}
"""Of commands whose module has another name: `cli.batch` is the loop of all that work on files."""


class Commands(click.Group):
    """A group whose commands live in modules of their own, imported on use, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and take its `command`."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"roundel.cli.{_MODULES.get(cmd_name, cmd_name)}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roundel", message="%(prog)s %(version)s")
def group() -> None:
    """Compress pictures with trained networks into files that decode to the same thing on every machine.

    \b
      roundel encode photo.jpg              photo.rndl, quality 75
      roundel decode photo.rndl -o out.png
      roundel info photo.rndl

    `-` is stdin or stdout. `roundel COMMAND --help` explains a command.
    """


def run(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what follows the program's name; None for those of the process.

    Returns:
        The exit code: 0, 1 for a failure, 2 for wrong usage, 130 when interrupted.
    """
    warnings.showwarning = _show_warning
    warnings.simplefilter("always", RoundelWarning)  # for each picture of a batch, not for the first alone
    try:
        code = group.main(arguments, prog_name="roundel", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.NoArgsIsHelpError as error:  # a command that needs more, alone: its help page
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        if error.ctx:
            print(error.ctx.get_usage(), file=sys.stderr)
        complain(error.format_message())
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        print("roundel: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return FAILURE
    except (RoundelError, click.ClickException) as error:
        complain(error)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error)
        _discard_stdout()
    except MemoryError:
        complain("not enough memory: use smaller tiles or fewer jobs (-j)")
    return FAILURE


def main() -> None:
    """Entry point of the command `roundel`."""
    # Threads that spin while they wait for each other take 40 times as long once another program wants the processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _fill_streams()
    _print_any_name()
    sys.exit(run())


def _fill_streams() -> None:
    """Let streams that were closed before we began be an error when they are used, and never be a file of ours."""
    if sys.stdin is None:
        sys.stdin = open(os.open(os.devnull, os.O_WRONLY))  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _print_any_name() -> None:
    """Let names of files go to stdout that are no text of its encoding: as they are in UTF-8, else escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Print roundel's own warnings as one line; drop those that libraries address to programmers."""
    if issubclass(category, RoundelWarning):
        note(f"roundel: warning: {named(' '.join(str(message).split()))}")


def _discard_stdout() -> None:
    """Let the interpreter end without trying once more to flush what could not be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
