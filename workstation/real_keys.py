"""Where the desk's API keys come from: the vault first, then the environment."""

from __future__ import annotations

import os
import sys

from workstation.paths import Paths
from workstation.vault.command_line import PASSPHRASE, open_vault
from workstation.vault.file import Kind, Vault, VaultError
from workstation.venues.ccxt.settings import Credentials, CredentialSource, environment_credentials
from workstation.venues.contract import VenueError

#: So often who types is asked for the passphrase where a kill waits for it: his hands may shake.
_TRIES = 3


def keys_of(paths: Paths, *, must: bool = True) -> CredentialSource:
    """Asks for the vault's passphrase now, as nobody can be asked once the screen stands.

    Raises `VaultError` where it is wrong; with `must` false each venue says so instead (a kill goes on with the rest).
    """
    vault = open_vault(paths)
    if not paths.vault.exists():
        return environment_credentials
    typed = sys.stdin.isatty() and PASSPHRASE not in os.environ
    left = _TRIES if typed and not must else 1
    while True:
        try:
            vault.unlock(Kind.VENUE)
            return lambda venue: _credentials(vault, venue)
        except VaultError as error:
            left -= 1
            if must:
                raise
            if not left:
                locked = str(error)
                break
            sys.stderr.write(f"tws: {error}\n")
    sys.stderr.write(f"tws: {locked} The keys of the environment are used.\n")
    return lambda venue: _of_the_environment(vault, venue, locked)


def _of_the_environment(vault: Vault, venue: str, locked: str) -> Credentials | None:
    """The venue's key there. Raises VenueError with why the vault is `locked` where only that has one."""
    found = environment_credentials(venue)
    if found is not None:
        return found
    try:
        if not _named(vault, venue):
            return None
    except VaultError as error:  # the file itself is damaged
        raise VenueError(str(error)) from None
    raise VenueError(f"The API key of {venue} is in the vault. {locked}")


def _named(vault: Vault, venue: str) -> list[str]:
    """The vault's entry by the venue's name in the config file, whose capitals do not count. Raises VaultError."""
    return [entry.name for entry in vault.entries(Kind.VENUE) if entry.name.upper() == venue.upper()]


def _credentials(vault: Vault, venue: str) -> Credentials | None:
    try:
        names = _named(vault, venue)
        found = vault.api_key(names[0]) if names else None
    except VaultError as error:
        raise VenueError(str(error)) from None
    if found is None:
        return environment_credentials(venue)
    return Credentials(key=found.key, secret=found.secret, password=found.password, wallet=found.wallet)
