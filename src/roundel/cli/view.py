"""`roundel view`: files in the browser, beside their originals."""

import json
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roundel.cli import inputs, streams
from roundel.cli.extras import require
from roundel.errors import RoundelError

if TYPE_CHECKING:
    from roundel.viewer.site import Site

HOST = "127.0.0.1"


@click.command()
@click.argument("sources", metavar="FILE|FOLDER...", nargs=-1, required=True)
@streams.recursive_option
@click.option(
    "--original",
    "originals",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="The picture that a file was made from, or a folder of them.",
)
@click.option(
    "--export", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write the page as static files."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page's address [a free one].")
@click.option("--browser/--no-browser", default=True, help="Open the page, or only say where it is.")
@streams.model_option
@streams.max_pixels_option
@streams.force_option
@streams.json_option
def command(
    sources: tuple[str, ...],
    recursive: bool,
    originals: tuple[Path, ...],
    folder: Path | None,
    port: int,
    browser: bool,
    model: str | None,
    max_pixels: int,
    force: bool,
    as_json: bool,
) -> int:
    """Show .rndl files in the browser, decoded by the page itself, beside the pictures that they were made from.

    A picture that is named goes with the files of its name; else one of that name beside the file. With it the page
    has a slider between the two, a map of errors, and PSNR and SSIMULACRA2 of each pass. Folders are shown as sheets,
    large files in parts. The page is for this machine alone, and ends with Ctrl-C.

    \b
      roundel view photo.rndl
      roundel view photo.png q30.rndl q60.rndl     # two files of one picture
      roundel view packed --original photos        # a folder, and where its originals are
      roundel view packed --export page            # for a web server
    """
    if folder is None:
        require("roundel view", "starlette", "uvicorn")
    from roundel.viewer import static
    from roundel.viewer.export import check_free

    page = static.page()
    if folder is not None:
        check_free(folder, force=force)
    site = _site(sources, recursive, originals, model, max_pixels)
    if folder is None:
        return _serve(site, page, port, browser=browser, as_json=as_json)
    from roundel.viewer.export import export

    with _progress(len(site.made)) as advance:
        size = export(site, page, folder, force=force, advance=advance)
    if as_json:
        print(json.dumps({"folder": str(folder), "files": len(site.items), "bytes": size}))
    else:
        streams.note(
            f"{folder}: {len(site.items)} files, {size / 1e6:.1f} MB; `python -m http.server -d {folder}` shows it"
        )
    return 0


def _site(
    sources: tuple[str, ...], recursive: bool, originals: tuple[Path, ...], model: str | None, max_pixels: int
) -> "Site":
    from roundel.viewer.items import items_of
    from roundel.viewer.site import Site

    pictures = [name for name in sources if Path(name).suffix.lower() in inputs.PICTURES and not Path(name).is_dir()]
    named = [name for name in sources if name not in pictures]
    if missing := [name for name in sources if not Path(name).exists()]:
        raise RoundelError(f"{missing[0]}: no such file or folder")
    if not named:
        raise click.UsageError("name a .rndl file or a folder of them: pictures are only shown beside those.")
    plan = inputs.plan(named, None, recursive=recursive, kinds=inputs.FILES)
    if plan.failures:
        raise RoundelError(": ".join(plan.failures[0]))
    tops = [Path(name) for name in named if Path(name).is_dir()]
    files = [(Path(item.input), _name(Path(item.input), tops)) for item in plan.items]
    items = items_of(files, [*map(Path, pictures), *originals], inputs.PICTURES)
    return Site.of(items, _title(named), model=model, max_pixels=max_pixels)


def _name(path: Path, tops: list[Path]) -> str:
    """A file as the page calls it: by its path below the folder that was named."""
    below = [path.relative_to(top) for top in tops if path.is_relative_to(top)]
    return below[0].as_posix() if below else path.name


def _title(named: list[str]) -> str:
    name = Path(named[0]).resolve().name
    return name if len(named) == 1 else f"{name} and {len(named) - 1} more"


def _serve(site: "Site", page: Path, port: int, *, browser: bool, as_json: bool) -> int:
    """Until Ctrl-C."""
    import socket

    import uvicorn

    from roundel.viewer.server import application

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # so that a browser that is quicker than the server waits for it
        except OSError as error:
            raise RoundelError(f"port {port} cannot be used: {error.strerror}; choose another one") from error
        url = f"http://{HOST}:{listening.getsockname()[1]}/"
        print(
            json.dumps({"url": url}) if as_json else f"{url} shows {len(site.items)} files; Ctrl-C ends it", flush=True
        )
        if browser:
            # A browser in the terminal returns when it is closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        server = uvicorn.Server(uvicorn.Config(application(site, page), log_level="warning", lifespan="off"))
        with suppress(KeyboardInterrupt):  # the way it ends
            server.run(sockets=[listening])
    return 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    """A bar over what is made, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(desc="export", total=total, unit="file", leave=False) as bar:
        yield bar.update
