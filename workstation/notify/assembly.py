"""Puts the notifier together: topics and words from the settings, addresses from the vault."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from workstation.clock import SECOND, Clock
from workstation.domain.formats import zone_named
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import ClientOrderId, Order
from workstation.log import DeskLog
from workstation.notify.delivery import Deliver, deliver
from workstation.notify.messages import Topic, template_problem
from workstation.notify.notifier import Notifier
from workstation.notify.outbox import Outbox, quiet_hours
from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.vault.command_line import PASSPHRASE, open_vault
from workstation.vault.file import Entry, Kind, Vault


def notifier_of(
    settings: Settings,
    paths: Paths,
    *,
    mode: str,
    account: str,
    order_of: Callable[[ClientOrderId], Order | None],
    instrument_of: Callable[[InstrumentId], Instrument | None],
    clock: Clock,
    log: DeskLog,
    send: Deliver = deliver,
) -> Notifier | None:
    """What sends the notes of a desk; None if the vault has no address for it.

    A demo or a replay never asks for the passphrase of the vault: its notes go out where the environment has it, or
    where the addresses are in the keyring. Raises SettingsError for templates that are wrong, VaultError.
    """
    for topic, template in settings.notify.templates.items():
        if problem := template_problem(topic, template):
            raise SettingsError(f"notify.templates.{topic} {problem}.")
    vault = open_vault(paths)
    entries = [entry for entry in vault.entries(Kind.NOTIFY) if _usable(entry, mode)]
    if not entries or not settings.notify.topics:
        return None
    vault.unlock(Kind.NOTIFY)
    zone = zone_named(settings.time_zone) if settings.time_zone else None
    return Notifier(
        outbox=Outbox(
            per_minute=settings.notify.per_minute,
            quiet=quiet_hours(settings.notify.quiet_hours),
            local_minute=lambda ts: minute_of_day(ts, zone),
            templates=settings.notify.templates,
        ),
        topics=[Topic(topic) for topic in settings.notify.topics],
        addresses=lambda: addresses(vault, entries),
        deliver=send,
        order_of=order_of,
        instrument_of=instrument_of,
        clock=clock,
        log=log,
        title=f"tws {mode.upper()} {account}",
    )


def _usable(entry: Entry, mode: str) -> bool:
    return mode in ("paper", "live") or entry.where == "keyring" or PASSPHRASE in os.environ


def addresses(vault: Vault, entries: list[Entry]) -> dict[str, str]:
    """The addresses by name. It may take a fifth of a second. Raises VaultError."""
    return {entry.name: found for entry in entries if (found := vault.address(entry.name)) is not None}


def minute_of_day(ts: int, zone: tzinfo | None) -> int:
    """Minutes since midnight in a zone (None: the machine's) at a time in UTC ns."""
    moment = datetime.fromtimestamp(ts // SECOND, UTC).astimezone(zone)
    return moment.hour * 60 + moment.minute
