"""The README's table of checks and breakers is that of the code."""

from __future__ import annotations

from pathlib import Path

from workstation.trading import breakers
from workstation.trading.breakers import Breaker
from workstation.trading.risk import CHECKS, LIMITS

README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")


def test_every_check_stands_in_the_readme_with_what_it_sees_to() -> None:
    wanted = [
        f"| {name} | {'' if name in LIMITS else 'yes'} | {' '.join((check.__doc__ or '').split())} |"
        for name, check in CHECKS.items()
    ]
    table = README[README.index("| check before every order |") :].split("\n\n")[0].splitlines()[2:]
    assert table == wanted


def test_every_breaker_stands_in_the_readme_as_in_its_module() -> None:
    rows = [line for line in (breakers.__doc__ or "").splitlines() if line.startswith("|")]
    assert "\n".join(rows) in README
    assert [row.split("`")[1] for row in rows[2:]] == list(Breaker)
