"""Which of ccxt's exceptions mean that nothing happened, and which mean that nobody knows."""

from __future__ import annotations

import socket

import pytest
from ccxt.base import errors as c

from workstation.venues.ccxt.errors import is_limit, is_passing, not_found, translated, words_of
from workstation.venues.contract import NoAnswer, VenueError, VenueUnreachable


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


class ClientConnectorError(OSError):
    """Named as aiohttp's: no connection was made."""


UNKNOWN = [
    c.RequestTimeout("binance POST https://api.binance.com/api/v3/order"),
    c.ExchangeNotAvailable("binance POST … 502 Bad Gateway"),
    c.NetworkError("the connection was closed"),
    c.OnMaintenance("binance 503"),
    c.BadResponse("binance returned no JSON"),
    c.NullResponse("binance returned nothing"),
    c.OperationFailed("internal error"),
    c.DuplicateOrderId("bybit duplicate orderLinkId"),
    caused(c.ExchangeNotAvailable("cut"), ConnectionResetError("reset by peer")),
    TimeoutError(),
    RuntimeError("something unforeseen"),
    # what ccxt calls a refusal, and the exchange does not
    c.ExchangeError('bybit {"retCode":10016,"retMsg":"System error. Please try again later.","result":{}}'),
    c.ExchangeError('bybit {"retCode":5004,"retMsg":"Server Timeout","result":null}'),
    c.InvalidOrder('bybit {"retCode":170146,"retMsg":"Order creation timeout."}'),
    c.InvalidOrder('bybit {"retCode":170147,"retMsg":""}'),
    c.ExchangeError('okx {"code":"1","data":[{"sCode":"51149","sMsg":"Order timed out. Please try again later."}]}'),
    c.BadRequest('kucoin {"code":"408000","msg":"Network timeout, please try again later"}'),
    c.ExchangeError('bitget {"code":"500","msg":"system exception"}'),
    c.ExchangeError('coinbase {"error":"internal_server_error","message":"Something went wrong"}'),
    c.ExchangeError('kraken {"error":["EService:Deadline elapsed"]}'),
]
REFUSED = [
    c.InsufficientFunds("binance Account has insufficient balance for requested action."),
    c.InvalidOrder("binance Filter failure: LOT_SIZE"),
    c.OrderNotFound("binance Unknown order sent."),
    c.AuthenticationError("binance API-key format invalid."),
    c.PermissionDenied("okx 50120"),
    c.RateLimitExceeded("binance 429"),
    c.DDoSProtection("binance 418"),
    c.InvalidNonce("binance Timestamp for this request is outside of the recvWindow."),
    c.BadSymbol("binance does not have market symbol XYZ"),
    c.NotSupported("kraken fetchX() is not supported yet"),
    c.ArgumentsRequired("requires a symbol"),
    c.RateLimitExceeded('bybit {"retCode":10006,"retMsg":"Too many visits, please try again later."}'),
    c.InvalidNonce("bitget req_time is too much difference from server time"),
    c.ExchangeError('bybit {"retCode":170213,"retMsg":"Order does not exist at 10016."}'),
]
NEVER_SENT = [
    caused(c.ExchangeNotAvailable("GET …"), socket.gaierror(-2, "Name or service not known")),
    caused(c.ExchangeNotAvailable("POST …"), ClientConnectorError("Cannot connect to host")),
    c.NetworkError(ConnectionRefusedError(111, "refused")),
]


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda error: type(error).__name__)
def test_what_may_have_been_done_is_no_answer(error: Exception) -> None:
    assert type(translated(error, "BINANCE", "the order")) is NoAnswer


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_what_was_certainly_refused_is_a_refusal_with_a_sentence(error: Exception) -> None:
    wrong = translated(error, "BINANCE", "the order")
    assert type(wrong) is VenueError
    assert str(wrong).startswith("BINANCE refused the order: ")
    assert str(wrong).endswith(".")


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda error: repr(error.__cause__ or error.args[0])[:24])
def test_what_never_left_this_machine_is_unreachable(error: Exception) -> None:
    assert type(translated(error, "BINANCE", "the order")) is VenueUnreachable


def test_every_exception_of_ccxt_is_decided_and_none_by_chance() -> None:
    kinds = [each for each in vars(c).values() if isinstance(each, type) and issubclass(each, c.BaseError)]
    passing = {c.RateLimitExceeded, c.DDoSProtection, c.InvalidNonce, c.ChecksumError}
    for kind in kinds:
        certain = (issubclass(kind, c.ExchangeError) and kind is not c.DuplicateOrderId) or kind in passing
        wrong = translated(kind("x"), "V", "the order")
        assert type(wrong) is (VenueError if certain else NoAnswer), kind


def test_addresses_and_signatures_never_come_into_a_sentence() -> None:
    text = (
        "binance GET https://api.binance.com/api/v3/order?symbol=BTC&timestamp=1&signature=deadbeef 400 "
        'apiKey=TOPSECRET {"code":-1121,"secret":"ALSO"}'
    )
    said = words_of(c.BadRequest(text))
    for secret in ("deadbeef", "TOPSECRET", "ALSO", "https://"):
        assert secret not in said


def test_the_exchange_s_own_words_are_what_is_shown() -> None:
    said = words_of(c.InvalidOrder('binance {"code":-1013,"msg":"Filter failure: NOTIONAL"}'))
    assert said == "Filter failure: NOTIONAL"


def test_what_helps_when_it_is_asked_again() -> None:
    assert is_passing(c.RequestTimeout("x"))
    assert is_passing(OSError())
    assert not is_passing(c.AuthenticationError("x"))
    assert is_limit(c.RateLimitExceeded("x"))
    assert not_found(c.OrderNotFound("x"))
    assert not not_found(c.InvalidOrder("x"))
