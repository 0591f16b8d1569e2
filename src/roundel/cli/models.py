"""`roundel models`: what can be used here."""

import json

import click

from roundel.cli import streams


@click.command()
@streams.json_option
def command(as_json: bool) -> None:
    """List the models: name, id that files carry, kind, weights."""
    from roundel.codecs import zoo

    for entry in zoo.entries():
        found = entry.weights.is_file()
        record = {
            "name": entry.name,
            "id": entry.id,
            "kind": entry.kind.name.lower(),
            "default": zoo.DEFAULTS.get(entry.kind) == entry.name,
            "successor": entry.successor or None,
            "weights": str(entry.weights),
            "weights_hash": zoo.weights_hash(entry.weights).hex() if found else None,
            "weights_bytes": entry.weights.stat().st_size if found else None,
        }
        if as_json:
            print(json.dumps({**record, "card": entry.card()}))
        else:
            remark = "  (default)" if record["default"] else ""
            remark = f"  (for its old files; now {entry.successor})" if entry.successor else remark
            print(f"{entry.name}  id {entry.id}  {record['kind']}{remark}")
            print(f"  {entry.weights}: " + (f"{record['weights_bytes']} bytes" if found else "missing"))
            for key, value in entry.card().items():
                print(f"  {key}: {value}")
