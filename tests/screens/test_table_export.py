"""Tables taken elsewhere: to the clipboard as they are shown, into files with plain numbers."""

from __future__ import annotations

import json
import stat

import pytest

from screens import figures
from screens.table_export import as_csv, as_json, as_tsv, machine_text, write
from screens.testing import START
from workstation.domain.formats import POINT, number_style


@pytest.mark.parametrize(
    ("shown", "plain"),
    [
        ("64,200.50", "64200.50"),
        ("+1,234", "1234"),
        ("-0.5", "-0.5"),
        ("–", ""),
        ("-12.5%", "-12.5%"),
        ("12,34", "12,34"),
        ("BTC-USDT", "BTC-USDT"),
        ("12:00:01", "12:00:01"),
    ],
)
def test_numbers_are_plain_in_files_and_everything_else_is_left_alone(shown, plain):
    assert machine_text(shown) == plain


def test_a_number_in_another_locale_is_the_same_in_the_file():
    german = number_style("de_DE")
    assert german is not None
    figures.use(german, None)
    try:
        assert machine_text("64.200,50") == "64200.50"
        assert machine_text("1.234") == "1234"
    finally:
        figures.use(POINT, None)


def test_cells_cannot_break_the_table():
    assert as_tsv([["a\tb", "c\nd"]]) == "a b\tc d"
    assert as_csv(["x", "y"], [['say "hi", you', "1,000"]]) == 'x,y\n"say ""hi"", you",1000\n'
    assert json.loads(as_json(["x", "y"], [["ä", "–"]])) == [{"x": "ä", "y": None}]


def test_a_file_is_the_users_alone_and_never_written_over(tmp_path):
    first = write(tmp_path / "exports", "orders", "csv", "one", START)
    second = write(tmp_path / "exports", "orders", "csv", "two", START)
    assert [first.name, second.name] == ["orders-20260115-120000.csv", "orders-20260115-120000-2.csv"]
    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
