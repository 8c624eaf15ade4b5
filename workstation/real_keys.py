"""Where the desk's API keys come from: the vault first, then the environment."""

from __future__ import annotations

import sys

from workstation.paths import Paths
from workstation.vault.command_line import open_vault
from workstation.vault.file import Kind, Vault, VaultError
from workstation.venues.ccxt.settings import Credentials, CredentialSource, environment_credentials
from workstation.venues.contract import VenueError


def keys_of(paths: Paths, *, must: bool = True) -> CredentialSource:
    """Asks for the vault's passphrase now, as nobody can be asked once the screen stands.

    Raises `VaultError` where it is wrong; with `must` false each venue says so instead (a kill goes on with the rest).
    """
    vault = open_vault(paths)
    if not paths.vault.exists():
        return environment_credentials
    try:
        vault.unlock(Kind.VENUE)
    except VaultError as error:
        if must:
            raise
        sys.stderr.write(f"tws: {error} The keys of the environment are used.\n")
        return environment_credentials
    return lambda venue: _credentials(vault, venue)


def _credentials(vault: Vault, venue: str) -> Credentials | None:
    """A key by the venue's name in the config file, whose capitals do not count."""
    try:
        names = [entry.name for entry in vault.entries(Kind.VENUE) if entry.name.upper() == venue.upper()]
        found = vault.api_key(names[0]) if names else None
    except VaultError as error:
        raise VenueError(str(error)) from None
    if found is None:
        return environment_credentials(venue)
    return Credentials(key=found.key, secret=found.secret, password=found.password, wallet=found.wallet)
