"""`roundel models`: what can be used here."""

import json

import click

from roundel.cli import streams


@click.command()
@streams.verbose_option
@streams.json_option
def command(verbose: bool, as_json: bool) -> None:
    """List the models: name, id that files carry, kind, and what each is for; weights and their origin with -v."""
    from roundel.codecs import zoo

    entries = zoo.entries()
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        found = entry.weights.is_file()
        default = zoo.DEFAULTS.get(entry.kind) == entry.name
        record = {
            "name": entry.name,
            "id": entry.id,
            "kind": entry.kind.name.lower(),
            "advice": entry.advice,
            "default": default,
            "successor": entry.successor or None,
            "weights": str(entry.weights),
            "weights_hash": zoo.weights_hash(entry.weights).hex() if found and (verbose or as_json) else None,
            "weights_bytes": entry.weights.stat().st_size if found else None,
        }
        if as_json:
            print(json.dumps({**record, "card": entry.card()}))
            continue
        remarks = [entry.advice] if entry.advice else []
        remarks += ["the default"] if default else []
        remarks += [f"for its old files; now {entry.successor}"] if entry.successor else []
        remarks += [] if found else ["its weights are missing"]
        print(f"{entry.name:{width}}  {entry.id:3}  {record['kind']:8}  {'; '.join(remarks)}")
        if verbose:
            size = f"{record['weights_bytes']} bytes, {record['weights_hash']}" if found else "missing"
            print(f"  {entry.weights}: {size}")
            for key, value in entry.card().items():
                print(f"  {key}: {value}")
