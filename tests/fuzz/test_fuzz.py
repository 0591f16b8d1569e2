"""A first slice of `make fuzz`."""

from tests.fuzz.run import SLOWEST_S, fuzz


def test_damaged_files_meet_only_roundel_errors() -> None:
    report = fuzz(500, seed=1)
    assert report.failures == []
    assert report.refused > 400
    assert report.slowest_s < SLOWEST_S
