"""Settings changed while the desk runs: checked, written with the user's comments kept, told where they come from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.settings import SettingsError
from workstation.settings_book import SettingsBook
from workstation.settings_help import describe

MINE = """\
# my desk
theme = "tws-light"   # at home

# how much
[risk]
max_order_value = 5000 # small

[keys]
orders.cancel = "d"

[profiles.calm]
theme = "tws-dark"
[profiles.calm.demo]
seed = 4
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_a_change_keeps_comments_order_and_everything_else(file: Path) -> None:
    book = SettingsBook(file, environ={})
    assert book.change("risk.max_order_value", "7500") == "risk.max_order_value is 7500 now."
    assert file.read_text() == MINE.replace("5000", "7500")
    assert book.change("theme", "tws-dark").startswith("theme is")
    assert file.read_text() == MINE.replace("5000", "7500").replace('"tws-light" ', '"tws-dark" ')


def test_a_new_setting_goes_where_it_belongs_and_a_reset_takes_it_out(file: Path) -> None:
    book = SettingsBook(file, environ={})
    book.change("rising", "red")
    book.change("market.frame_rate", "10")
    read = tomllib.loads(file.read_text())
    assert read["rising"] == "red"
    assert read["market"] == {"frame_rate": 10}
    assert "# how much\n[risk]" in file.read_text()  # the comment stays with its table
    assert book.reset("market.frame_rate") == "market.frame_rate is 20 again (default)."
    assert "frame_rate" not in file.read_text()


def test_where_a_value_comes_from(file: Path) -> None:
    book = SettingsBook(
        file, profile="calm", environ={"TWS_DEMO_RATE": "2"}, overrides={"risk.max_exposure": "1000000"}
    )
    assert book.source("theme") == f"{file}, profile calm"
    assert book.source("risk.max_order_value") == str(file)
    assert book.source("demo.rate") == "the environment variable TWS_DEMO_RATE"
    assert book.source("risk.max_exposure") == "the command line"
    assert book.source("market.frame_rate") == "default"
    assert book.source("keys") == str(file)


def test_a_change_goes_into_the_profile_that_sets_it(file: Path) -> None:
    book = SettingsBook(file, profile="calm", environ={})
    book.change("demo.seed", "9")
    book.change("demo.rate", "3")
    read = tomllib.loads(file.read_text())
    assert read["profiles"]["calm"]["demo"] == {"seed": 9}
    assert read["demo"] == {"rate": 3}
    assert (book.settings.demo.seed, book.settings.demo.rate) == (9, 3)


def test_what_the_environment_sets_is_said_to_overrule(file: Path) -> None:
    book = SettingsBook(file, environ={"TWS_DEMO_SEED": "7"})
    said = book.change("demo.seed", "9")
    assert "TWS_DEMO_SEED overrules it" in said
    assert book.settings.demo.seed == 7
    assert tomllib.loads(file.read_text())["demo"]["seed"] == 9


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("market.frame_rate", "99", "Not taken: market.frame_rate must be a whole number <= 60, not 99."),
        ("mode", "papper", 'Not taken: mode must be one of demo, replay, paper, live, not "papper".'),
        ("rising", "blue", 'Not taken: rising must be one of green, red, not "blue".'),
        ("risk.price_collar", "0,02", 'Not taken: risk.price_collar must be a number, not "0,02".'),
        ("size_presets", "3,1", "Not taken: size_presets must be values above 0 in ascending order."),
        ("time_zone", "Mars/Dome", "Not taken: time_zone must be empty or a zone that this machine knows"),
        ("locale", "xx_YY", "Not taken: locale must be empty or a locale like en_GB"),
        ("themes", "x", "There is no setting 'themes'; did you mean 'theme'?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_written(file, path, text, sentence) -> None:
    book = SettingsBook(file, environ={})
    with pytest.raises(SettingsError) as caught:
        book.change(path, text)
    assert str(caught.value).startswith(sentence)
    assert file.read_text() == MINE


def test_keys_are_found_in_either_spelling_of_the_file(file: Path) -> None:
    book = SettingsBook(file, environ={})
    book.change_key("orders.cancel", ["z"])
    book.change_key("books.buy", ["n", "+"])
    assert book.settings.keys == {"orders.cancel": "z", "books.buy": ["n", "+"]}
    book.change_key("orders.cancel", None)
    assert book.settings.keys == {"books.buy": ["n", "+"]}
    assert SettingsBook(file, environ={}).settings == book.settings


def test_a_file_that_is_broken_meanwhile_or_cannot_be_written_is_left_alone(file: Path, tmp_path: Path) -> None:
    book = SettingsBook(file, environ={})
    file.write_text("theme = ", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be changed"):
        book.change("rising", "red")
    assert file.read_text() == "theme = "
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with pytest.raises(SettingsError, match="cannot be"):
        SettingsBook(tmp_path / "blocked" / "config.toml", environ={}).change("rising", "red")


def test_without_a_file_a_change_lasts_until_the_desk_is_left() -> None:
    book = SettingsBook(None, environ={})
    assert "until the desk is left" in book.change("market.frame_rate", "10")
    assert book.settings.market.frame_rate == 10
    book.change_key("orders.cancel", ["z"])
    assert book.settings.keys == {"orders.cancel": "z"}
    book.reset("market.frame_rate")
    assert book.settings.market.frame_rate == 20


def test_every_setting_can_be_written_as_it_is_shown_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for one in describe():
        book = SettingsBook(file, environ={})
        text = one.default[1:-1] if one.default.startswith('"') else one.default
        book.change(one.path, text)
        assert book.value(one.path) == one.default
        assert SettingsBook(file, environ={}).settings == book.settings
        assert one.help, f"{one.path} has no help"


@settings(deadline=None, max_examples=25)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30))
def test_any_text_comes_back_from_the_file_as_it_was_typed(tmp_path_factory, text) -> None:
    file = tmp_path_factory.mktemp("book") / "config.toml"
    book = SettingsBook(file, environ={})
    book.change("account.name", text)
    assert SettingsBook(file, environ={}).settings.account.name == text
