"""ccxt's exceptions as the venue contract's. The one question: may the exchange have done what it was asked?

What certainly never left, or was certainly refused, may be said so. Everything else is `NoAnswer`: a cut connection, a
time-out, a 5xx after the request was sent, an answer that cannot be read, an exchange that speaks of a fault of its own
(ccxt calls several of those, and every error that it does not know, a refusal). Nothing is ever guessed to be one.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

from workstation.venues.contract import NoAnswer, VenueError, VenueUnreachable

#: Classes of ccxt that are operations that failed, but whose request the exchange has certainly refused.
_REFUSED = ("RateLimitExceeded", "DDoSProtection", "InvalidNonce")
#: Classes of refusals that are certain whatever their words are.
_CERTAIN = frozenset(
    {"InsufficientFunds", "AuthenticationError", "BadSymbol", "NotSupported", "OrderNotFound", *_REFUSED}
)
#: An exchange that says so, or answers with such a number, has failed itself: it may have done what it was asked.
_OWN_FAULT = re.compile(
    r"(?i)timed?[ _-]?out|(internal|system|server)[ _](server[ _]|system[ _])?(error|exception|busy|abnormal)"
    r"|deadline elapsed|gateway|unknown (error|status)|status unknown|try again later"
    r"|\"(?:retCode|code|sCode)\":\s*\"?(?:5004|10000|10016|131201|170001|17014[67]|170234|51054|51149|408000)\b"
)
_SENTENCES = {
    "InsufficientFunds": "there is not enough money for it",
    "AuthenticationError": "it does not accept the API key",
    "PermissionDenied": "the API key is not allowed to do this",
    "RateLimitExceeded": "it says that too many requests were sent",
    "DDoSProtection": "it says that too many requests were sent",
    "InvalidNonce": "the request's time is not within its window: check this machine's clock",
    "OnMaintenance": "it is under maintenance",
    "BadSymbol": "it does not list that market",
    "OrderNotFound": "it does not have that order",
    "MarketClosed": "that market is closed",
    "AccountSuspended": "it has suspended the account",
    "RestrictedLocation": "it does not serve this place",
    "NotSupported": "it cannot do this",
}
_SECRET = re.compile(
    r"(?i)\b(signature|sign|api-?key|apikey|secret|passphrase|password|listenkey|token)(=|\W{1,4})[^&\s\"',}]+"
)
_URL = re.compile(r"https?://\S+|wss?://\S+")


def words_of(error: BaseException) -> str:
    """What ccxt's error says, in one line without addresses or anything that was signed."""
    text = " ".join(str(error).split())
    text = _URL.sub("", text)
    text = _SECRET.sub(r"\1\2…", text)
    message = re.search(r'"(?:msg|message|retMsg|sMsg|error_message|label)"\s*:\s*"([^"]+)"', text)
    return (message[1] if message else text).strip()[:200].rstrip(".")


def translated(error: BaseException, venue: str, doing: str) -> VenueError:
    """The venue error that an exception of ccxt (or of the connection below it) means for a request of ours."""
    if isinstance(error, VenueError):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    said = words_of(error)
    if _never_sent(error):
        return VenueUnreachable(f"{venue} cannot be reached: {doing} was not sent.")
    why = next((_SENTENCES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _SENTENCES), "")
    if "DuplicateOrderId" in names:
        return NoAnswer(f"{venue} says that it has had this client order id before ({said}).")
    unsure = not names & _CERTAIN and _OWN_FAULT.search(str(error))
    if ("ExchangeError" in names and not unsure) or names & set(_REFUSED):
        detail = f"{why} ({said})" if why and said else why or said
        return VenueError(f"{venue} refused {doing}: {detail}.")
    return NoAnswer(f"{venue} gave no answer on {doing}{f' ({why})' if why else ''}: {said or type(error).__name__}.")


def is_passing(error: BaseException) -> bool:
    """Whether asking again later may help."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"OperationFailed", "OSError", "TimeoutError", "ClientError"}) or isinstance(
        error, VenueUnreachable | NoAnswer
    )


def is_limit(error: BaseException) -> bool:
    """Whether the exchange says that it was asked too often."""
    return bool({kind.__name__ for kind in type(error).__mro__} & {"RateLimitExceeded", "DDoSProtection"})


def not_found(error: BaseException) -> bool:
    """Whether the exchange says that it never had the order."""
    return "OrderNotFound" in {kind.__name__ for kind in type(error).__mro__}


def _never_sent(error: BaseException) -> bool:
    """Whether the connection itself could not be made: then no byte of the request has left this machine."""
    for each in _causes(error):
        if isinstance(each, socket.gaierror | ConnectionRefusedError):
            return True
        names = {kind.__name__ for kind in type(each).__mro__}
        if names & {"ClientConnectorError", "ClientConnectorDNSError", "NewConnectionError", "NameResolutionError"}:
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        waiting += [inner for inner in each.args if isinstance(inner, BaseException)]
        if isinstance(reason := getattr(each, "reason", None), BaseException):
            waiting.append(reason)
