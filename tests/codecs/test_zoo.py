"""The table of published models."""

import pytest

from roundel.codecs import zoo


def test_no_id_and_no_name_is_given_twice() -> None:
    assert len({e.id for e in zoo.ENTRIES}) == len({e.name for e in zoo.ENTRIES}) == len(zoo.ENTRIES)


@pytest.mark.parametrize("entry", zoo.ENTRIES, ids=lambda e: e.name)
def test_every_model_has_weights_and_a_card(entry: zoo.Entry) -> None:
    assert entry.weights.is_file()
    assert {"name", "data", "command", "training", "commit", "licence", "figures"} <= set(entry.card())
    assert entry.card()["name"] == entry.name


def test_models_to_choose_from_are_the_last_of_their_line() -> None:
    for kind in zoo.DEFAULTS:
        names = {e.name for e in zoo.current(kind)}
        assert zoo.default(kind) in names
        lines = [e for e in zoo.ENTRIES if e.kind is kind and e.successor]
        assert all(e.successor in names and e.name not in names for e in lines)
