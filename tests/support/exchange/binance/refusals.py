"""Binance's refusals: code, words and HTTP status, as the venue sends them."""

from __future__ import annotations

import json

from tests.support.exchange.dialect import Answer


class Refused(Exception):
    def __init__(self, code: int, text: str, status: int = 400, data: object = None, **headers: str) -> None:
        super().__init__(text)
        self.code, self.text, self.status, self.data = code, text, status, data
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> dict[str, object]:
        extra = {} if self.data is None else {"data": self.data}
        return {"code": self.code, "msg": self.text} | extra

    def answer(self) -> Answer:
        return Answer(json.dumps(self.body), self.status, self.headers)


def missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def bad_filter(name: str) -> Refused:
    return Refused(-1013, f"Filter failure: {name}")


def rejected(text: str) -> Refused:
    return Refused(-2010, text)


def unknown_order() -> Refused:
    return Refused(-2011, "Unknown order sent.")


def no_such_order() -> Refused:
    return Refused(-2013, "Order does not exist.")
