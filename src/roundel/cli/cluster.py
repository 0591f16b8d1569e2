"""`roundel batch`: millions of pictures, on one machine or a cluster. The loop of other commands is `cli.batch`."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from roundel.cli import batch, extras, inputs, streams

if TYPE_CHECKING:
    from roundel.cluster.manifest import Record
    from roundel.cluster.run import Report
    from roundel.cluster.work import Work

ENCODE, TOKENIZE, VERIFY = "encode", "tokenize", "verify"
FILES, TAR, PARQUET = "files", "tar", "parquet"
SHOWN = 20
"""So many failures are shown as they come; all are in the manifest."""


@click.command(context_settings={"show_default": True})
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--do", "what", type=click.Choice([ENCODE, TOKENIZE, VERIFY]), default=ENCODE)
@click.option(
    "--to", "kind", type=click.Choice([FILES, TAR, PARQUET]), help="Results.  [default: files; of tokens parquet]"
)
@click.option(
    "--from", "taken", type=click.Choice([FILES, TAR, PARQUET]), help="Inputs, where there are several kinds."
)
@click.option("--column", help="Of Parquet, where the pictures are: bytes, or a struct with bytes.")
@click.option("-q", "--quality", type=click.IntRange(0, 100), help="0 smallest, 100 best.  [default: 75]")
@click.option("--lossless", is_flag=True, help="Keep every bit.")
@click.option("--effort", type=click.IntRange(0, 9), help="0 quickest, 9 slowest.")
@click.option("--tune", metavar="NAME", help="What a lossy model encodes for: ssimulacra2 or psnr.")
@click.option("--strip", is_flag=True, help="Leave metadata out.")
@streams.model_option
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one a processor]")
@click.option("--address", help="A Ray cluster, auto or HOST:PORT.  [default: this machine]")
@click.option("--shard", type=click.IntRange(min=1), help="Pictures of a part.  [default: 64; of tar and parquet 1024]")
@click.option("--retry-failed", is_flag=True, help="Do again what failed before.")
@streams.quiet_option
@streams.json_option
@streams.max_pixels_option
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    target: str,
    what: str,
    kind: str | None,
    taken: str | None,
    column: str | None,
    quality: int | None,
    lossless: bool,
    effort: int | None,
    tune: str | None,
    strip: bool,
    model: str | None,
    workers: int | None,
    address: str | None,
    shard: int | None,
    retry_failed: bool,
    quiet: bool,
    as_json: bool,
    max_pixels: int,
) -> None:
    """Encode, tokenize or verify all pictures of a folder, of tar archives (WebDataset) or of Parquet, on Ray.

    \b
      roundel batch photos packed                              a .rndl file each, mirrored
      roundel batch s3://bucket/shards s3://bucket/out --to tar -q 60
      roundel batch images.parquet tokens --do tokenize        Parquet of codes, for training
      roundel batch packed report --do verify

    INPUT and OUTPUT are folders here or in an object store. The same command again goes on where it was interrupted:
    what is done is recorded in OUTPUT/_roundel. Failures are recorded there, too, and do not stop the rest; exit 1
    then.
    """
    encoding = {"quality": quality, "lossless": lossless, "effort": effort, "tune": tune, "strip": strip}
    if what != ENCODE and (given := [name for name, value in encoding.items() if value not in (None, False)]):
        raise click.UsageError(f"--{given[0]} is of --do {ENCODE}.")
    if lossless and quality is not None:
        raise click.UsageError("-q and --lossless exclude each other.")
    if what == VERIFY and kind is not None:
        raise click.UsageError(f"--do {VERIFY} writes a report alone, so that --to has no meaning.")
    extras.require("roundel batch", "ray", "pyarrow", "fsspec")

    from roundel.cluster.items import Reading
    from roundel.cluster.part import Job
    from roundel.cluster.run import Means, run
    from roundel.cluster.storage import Storage

    suffixes = {ENCODE: inputs.PICTURES, TOKENIZE: inputs.PICTURES | inputs.FILES, VERIFY: inputs.FILES}[what]
    place = Storage.of(source)
    if place.has(""):  # one archive, or one table
        folder, _, name = place.url.rpartition("/")
        place = Storage(folder, name)
    job = Job(
        Reading(place, suffixes, column),
        _work(what, encoding, _key(model), max_pixels),
        Storage.of(target),
        kind or (PARQUET if what == TOKENIZE else FILES),
    )
    means = Means(workers, address, shard, taken, retry_failed)
    elapsed_s = streams.Stopwatch()
    teller = _Teller(quiet=quiet, as_json=as_json)
    with teller:
        report = run(job, suffixes, means, begun=teller.begun, told=teller.told)
    _conclude(report, teller, target, elapsed_s(), quiet=quiet, as_json=as_json)
    ctx.exit(1 if report.all.failed else 0)


def _key(model: str | None) -> int | str | None:
    """The model as workers find it, whatever folder they run in."""
    return os.path.abspath(model) if model and os.path.isfile(model) else streams.model_key(model)


def _work(what: str, encoding: dict[str, Any], model: int | str | None, max_pixels: int) -> "Work":
    from roundel.cluster.work import Encode, Tokenize, Verify

    if what == ENCODE:
        return Encode(**encoding, model=model, max_pixels=max_pixels)
    return (Tokenize if what == TOKENIZE else Verify)(model, max_pixels)


class _Teller:
    """Says what becomes of parts: a bar on a terminal, failures and warnings as they come."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self._quiet, self._as_json, self._failures = quiet, as_json, 0
        self._bar: Any = None
        self.before = 0

    def __enter__(self) -> "_Teller":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begun(self, todo: int, before: int) -> None:
        """See `run`."""
        self.before = before
        if before and not self._quiet:
            streams.note(f"{before} done before, {todo} to do")
        if todo and not self._quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=todo, unit="piece", leave=False)

    def told(self, record: "Record") -> None:
        """See `run`."""
        if self._bar is not None:
            self._bar.update(len(record.pieces))
        for one in record.warnings:
            if self._as_json:
                print(json.dumps(one))
            self._show(f"roundel: warning: {one['input']}: {one['warning']}")
        for one in record.failures:
            if self._as_json:
                print(json.dumps({key: one[key] for key in ("input", "error", "kind")}))
            self._show(f"roundel: error: {one['error']}")

    def _show(self, line: str) -> None:
        self._failures += 1
        if self._failures <= SHOWN:
            streams.note(line)
        elif self._failures == SHOWN + 1:
            streams.note("roundel: further ones are recorded, not shown")


def _conclude(report: "Report", teller: _Teller, target: str, elapsed_s: float, *, quiet: bool, as_json: bool) -> None:
    """Totals and throughput."""
    from roundel.cluster.manifest import FAILURES

    now, all_ = report.now, report.all
    rate = (now.done + now.failed) / elapsed_s
    if as_json:
        totals = {"done": all_.done, "failed": all_.failed, "warnings": all_.warnings}
        totals |= {"bytes_in": all_.bytes_in, "bytes_out": all_.bytes_out, "done_now": now.done}
        print(json.dumps({**totals, "elapsed_s": round(elapsed_s, 3), "pictures_per_s": round(rate, 3)}))
    if report.dropped:
        names = ", ".join(report.dropped)
        streams.note(f"roundel: warning: left out, beside pictures: {names}; --to tar and --to parquet keep them")
    if all_.failed:
        streams.complain(
            f"{all_.failed} failed, listed in {target.rstrip('/')}/{FAILURES}; --retry-failed does them again"
        )
    if not quiet:
        left = f"; {all_.left} members of archives were no pictures" if all_.left else ""
        if not now.done + now.failed:
            streams.note(f"nothing left to do: {all_.done} done, {all_.failed} failed before{left}")
            return
        parts = [f"{now.done} done", *([f"{now.failed} failed"] if now.failed else [])]
        sizes = [size for size in (now.bytes_in, now.bytes_out) if size]
        parts += [batch.sizes_text(sizes)] if sizes else []
        streams.note(", ".join([*parts, batch.seconds_text(elapsed_s)]) + f", {rate:.1f} a second{left}")
