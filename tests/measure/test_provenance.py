"""A figure says which pictures it was measured on."""

from roundel.measure.provenance import provenance


def test_data_are_told_by_name_and_content(tmp_path) -> None:
    first = tmp_path / "a.png"
    first.write_bytes(b"1")
    one = provenance("roundel eval", [first])
    assert one.data.startswith(f"{tmp_path.name}: 1 pictures")
    assert provenance("roundel eval", [first]).data == one.data
    first.write_bytes(b"2")
    assert provenance("roundel eval", [first]).data != one.data
    assert one.command == "roundel eval"
    assert one.versions["numpy"]
