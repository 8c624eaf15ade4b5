"""How a user writes numbers and times: the signs of his locale, and his time zone.

Inside the desk a number is a `Decimal` and a time UTC nanoseconds; this module stands at the border. What is read can
never be taken for another number: text that the locale and the usual notation with a point would read differently is
refused (`AmbiguousNumber`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal

import msgspec

_SPACE = "\u00a0"
#: Characters that are written between thousands; a plain space is not among them: on a command line it ends a word.
_SPACES = f"{_SPACE}\u202f\u2009"
_APOSTROPHES = "'’"
_MOST_WHOLE, _MOST_PART = 15, 12  # digits: more are a slip
_SIGNS = f".,{_SPACES}{_APOSTROPHES}"
_NUMBER_IN_WORD = re.compile(rf"(?<![\w{_SIGNS}])[$+-]?(?P<number>[\d{_SIGNS}]*\d[.,]?)")


#: Numbers in a sentence that Python formatted: 64,200.50 · 0.5 · 100,000; not times, names, dates, addresses, files,
#: values after an =, or what stands in quotation marks or square or curly brackets.
_NUMBER_IN_SENTENCE = re.compile(
    r"""(?<![\w.,:/=\[{"'“])(?<!\w-)(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w/\]}"'”]|[.,:-]\w)"""
)


class NotANumber(ValueError):
    """The text is no number; the message is a sentence for the trader."""


class AmbiguousNumber(NotANumber):
    """The text is two different numbers, by the locale and by the notation with a point."""


class NumberStyle(msgspec.Struct, frozen=True):
    """The signs of written numbers: 64,200.50 has `decimal` "." and `group` ","."""

    decimal: str = "."
    group: str = ","

    def localised(self, text: str) -> str:
        """Text that Python formatted (64,200.50) with the signs of this style (64.200,50)."""
        if self.decimal == "." and self.group == ",":
            return text
        return text.translate({ord("."): self.decimal, ord(","): self.group})

    def sentence(self, text: str, typed: str = "") -> str:
        """A sentence with its numbers, formatted as above, in the signs of this style; numbers of the line `typed`,
        which it may quote, as they stand there."""
        if self.decimal == "." and self.group == ",":
            return text
        quoted = _NUMBER_IN_SENTENCE.findall(typed) if typed else ()
        return _NUMBER_IN_SENTENCE.sub(
            lambda found: found.group() if found.group() in quoted else self.localised(found.group()), text
        )

    def read(self, text: str) -> Decimal:
        """A number without sign: digits, thousands separators in their places, at most one decimal sign.

        Raises `AmbiguousNumber`, and `NotANumber` for anything else that is no number or is absurdly long.
        """
        return Decimal(self.plain(text))

    def plain(self, text: str) -> str:
        """The same number without separators and with a point: 64.200,50 → 64200.50. Raises as `read`."""
        whole, part = self._split(text.strip())
        if not (whole or part):
            raise NotANumber(f"{text} is not a number.")
        if len(whole) > _MOST_WHOLE or len(part) > _MOST_PART:
            raise NotANumber(f"{text} has more digits than any number here.")
        return f"{whole or 0}.{part}" if part else whole

    def _split(self, text: str) -> tuple[str, str]:
        """The digits before and after the decimal sign."""
        if text.isascii() and text.isdigit():
            return text, ""
        as_written = _reading(text, self.decimal, self.group)
        if self.decimal == ".":
            if as_written is None:
                hint = " The decimal sign of this desk is the point." if "," in text else ""
                raise NotANumber(f"{text} is not a number.{hint}")
            return as_written
        # Where the comma is the decimal sign, numbers with a point still come from venues, programs and habit.
        with_point = _reading(text, ".", ",") if "." in text and "," not in text else None
        if as_written is None and with_point is None:
            raise NotANumber(f"{text} is not a number. The decimal sign of this desk is the comma.")
        if as_written is not None and with_point is not None and as_written != with_point:
            first, second = (".".join(filter(None, one)) for one in (as_written, with_point))
            raise AmbiguousNumber(
                f"{text} can be {first} or {second.replace('.', ',')}: write it without a point, as {first}, "
                f"or with a comma, as {second.replace('.', ',')}."
            )
        return as_written or with_point or ("", "")

    def plain_word(self, word: str) -> str:
        """A word of the command line with the number in it written plainly: 2,5% → 2.5%, $1.234,50 → $1234.50.

        Raises as `read`.
        """
        if self.decimal == "." or not any(sign in word for sign in _SIGNS):
            return word

        def rewritten(match: re.Match[str]) -> str:
            number = match["number"]
            if number.isdigit():
                return match.group()
            return match.group().removesuffix(number) + self.plain(number)

        return _NUMBER_IN_WORD.sub(rewritten, word)


def _reading(text: str, decimal: str, group: str) -> tuple[str, str] | None:
    """The digits before and after `decimal`, with `group` (or a space or apostrophe) at thousands; None if it is not
    written so."""
    groups = {re.escape(group), f"[{_SPACES}]", f"[{_APOSTROPHES}]"} - {re.escape(decimal)}
    thousands = "|".join(rf"\d{{1,3}}(?:{sign}\d{{3}})+" for sign in sorted(groups))
    match = re.fullmatch(rf"(?P<whole>{thousands}|\d*)(?:{re.escape(decimal)}(?P<part>\d*))?", text, re.ASCII)
    if match is None:
        return None
    if match["whole"][:1] == "0" and not match["whole"].isdigit():
        return None  # nobody groups a number that begins with zero: 0.500 is a half
    return re.sub(r"\D", "", match["whole"]), match["part"] or ""


POINT = NumberStyle()
COMMA = NumberStyle(",", ".")
_SPACED = NumberStyle(",", _SPACE)
_SWISS = NumberStyle(".", "’")


def ungrouped(text: str) -> str:
    """A number in the notation with a point without the commas between its thousands: 1,234.5 → 1234.5. What has no
    comma stays as it is. Raises `NotANumber` for a comma anywhere else: taken away, 1,5 would be fifteen."""
    if "," not in text:
        return text
    sign = text[:1] if text[:1] in "+-" else ""
    try:
        return sign + POINT.plain(text.removeprefix(sign))
    except NotANumber:
        raise NotANumber(
            f"{text} is not a number: the decimal sign is the point, and a comma stands only between thousands, "
            "as in 1,234.5."
        ) from None


_WITH_COMMA = "ca da de el es eu gl hr id is it mk nl pt ro sl sr tr vi"
_WITH_SPACE = "be bg cs et fi fr hu hy ka kk lt lv nb nn no pl ru sk sq sv uk"
_WITH_POINT = "am ar bn cy en fa fil ga gu he hi ja kn ko ml mr ms pa sw ta te th ur zu zh C POSIX"
#: By language, and by language and country where a country differs (Unicode CLDR 45, "symbols-numberSystem-latn").
_STYLES: dict[str, NumberStyle] = {
    **dict.fromkeys(_WITH_COMMA.split(), COMMA),
    **dict.fromkeys(_WITH_SPACE.split(), _SPACED),
    **dict.fromkeys(_WITH_POINT.split(), POINT),
    **dict.fromkeys(("de_CH", "de_LI", "it_CH", "en_CH", "rm_CH"), _SWISS),
    **dict.fromkeys(("es_MX", "es_US", "es_PR", "es_GT", "es_HN", "es_NI", "es_PA", "es_PE", "es_SV", "es_DO"), POINT),
    **dict.fromkeys(("pt_PT", "de_AT", "en_ZA", "af_ZA"), _SPACED),
    "fr_CH": _SPACED,
    "fr_CA": _SPACED,
    "en_NL": COMMA,
    "en_DE": COMMA,
}  # fmt: skip


def number_style(locale: str) -> NumberStyle | None:
    """The style of a locale's name ("de_DE.UTF-8", "fr-CH", "en"); None for one that is not known."""
    name = re.split(r"[.@]", locale.strip().replace("-", "_"), maxsplit=1)[0]
    language, _, country = name.partition("_")
    return _STYLES.get(f"{language}_{country.upper()}") or _STYLES.get(language) or _STYLES.get(language.lower())


def style_of_environment(environ: Mapping[str, str]) -> NumberStyle:
    """The style of the user's locale by the rules of POSIX: LC_ALL, else LC_NUMERIC, else LANG, else the point."""
    name = next((environ[one] for one in ("LC_ALL", "LC_NUMERIC", "LANG") if environ.get(one)), "C")
    return number_style(name) or POINT


def zone_named(name: str) -> tzinfo | None:
    """The zone of a name ("Europe/Berlin", "UTC"); None for one that this machine does not know."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
