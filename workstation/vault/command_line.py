"""`tws keys` and the asking for secrets: from the terminal without an echo, or line by line from standard input.

No secret is ever an argument: arguments stand in the shell's history and in everybody's process list.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from workstation.paths import Paths
from workstation.vault.file import Entry, Kind, Vault, VaultError
from workstation.vault.secrets import ApiKey

#: The environment variable that gives the passphrase where nobody can be asked (a service, a test).
PASSPHRASE = "TWS_PASSPHRASE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "API keys of venues, encrypted with a passphrase beside the config file (or in the system's keyring). "
        "Nothing secret is typed as an argument: it is asked for, or read line by line from standard input."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|remove|passphrase")
    add = actions.add_parser("add", help="keep the API key of a venue")
    add.add_argument("name", help="the venue's name in the config file ([venues.NAME])")
    add.add_argument("--keyring", action="store_true", help="in the system's keyring instead of the file")
    add.add_argument("--password", action="store_true", help="the exchange has a passphrase too (OKX, KuCoin, Bitget)")
    add.add_argument("--wallet", action="store_true", help="the exchange wants a wallet address (Hyperliquid)")
    listing = actions.add_parser("list", help="which keys there are; nothing secret is shown")
    listing.add_argument("--json", action="store_true", help="one JSON list, alone on standard output")
    remove = actions.add_parser("remove", help="forget the key of a venue")
    remove.add_argument("name")
    actions.add_parser("passphrase", help="encrypt everything anew under another passphrase")


def keys(options: argparse.Namespace, paths: Paths, write: Callable[[str], object]) -> int:
    """Run `tws keys`. Raises VaultError."""
    vault = open_vault(paths)
    match options.action:
        case "add":
            label = "Private key" if options.wallet else "Secret"
            wallet = ask_secret("Wallet address") if options.wallet else ""
            key = "" if options.wallet else ask_secret("API key")
            secret = ask_secret(label)
            password = ask_secret("Passphrase of the API key") if options.password else ""
            if not secret or not (key or wallet):
                raise VaultError("Nothing was kept: a key and its secret are wanted.")
            entry = new_entry(Kind.VENUE, options.name, options.keyring)
            vault.put(entry, ApiKey(key=key, secret=secret, password=password, wallet=wallet))
            write(f"The key of {options.name} is kept in {'the keyring' if options.keyring else vault.path}.\n")
        case "list":
            _list(vault, options.json, write)
        case "remove":
            if not vault.remove(Kind.VENUE, options.name):
                raise VaultError(f"There is no key of {options.name!r}.")
            write(f"The key of {options.name} is forgotten. At the exchange it is still valid: delete it there.\n")
        case "passphrase":
            count = vault.change_passphrase(_new_passphrase())
            write(f"{count} secrets are encrypted anew.\n")
    return 0


def open_vault(paths: Paths) -> Vault:
    """The user's vault, whose passphrase is asked for when it is needed."""
    return Vault(paths.vault, passphrase)


def passphrase(fresh: bool = False) -> str:
    """The passphrase of the vault: of the environment, else typed; `fresh` ones twice. Raises VaultError."""
    if (given := os.environ.get(PASSPHRASE)) is not None:
        return given
    return _new_passphrase() if fresh else ask_secret("Passphrase of the vault")


def _new_passphrase() -> str:
    first = ask_secret("New passphrase of the vault")
    if len(first) < 8:
        raise VaultError("The passphrase of the vault must have eight characters or more.")
    if sys.stdin.isatty() and ask_secret("Once more") != first:
        raise VaultError("The two passphrases differ: nothing was kept.")
    return first


def ask_secret(what: str) -> str:
    """One line, not echoed on a terminal. Raises VaultError where nobody answers."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise VaultError(f"{what}: nothing was given on standard input.")
        return line.strip()
    import getpass

    try:
        return getpass.getpass(f"{what}: ").strip()
    except EOFError:
        raise VaultError(f"{what}: nothing was typed.") from None


def new_entry(kind: Kind, name: str, in_keyring: bool = False) -> Entry:
    """An entry of today. Raises VaultError for a name that is none."""
    if not name.strip() or not name.isprintable():
        raise VaultError("A name must have at least one letter.")
    today = datetime.now(UTC).date().isoformat()
    return Entry(kind=kind, name=name.strip(), where="keyring" if in_keyring else "file", added=today)


def _list(vault: Vault, as_json: bool, write: Callable[[str], object]) -> None:
    entries = vault.entries(Kind.VENUE)
    if as_json:
        import msgspec

        write(msgspec.json.encode([{"name": e.name, "where": e.where, "added": e.added} for e in entries]).decode())
        write("\n")
        return
    if not entries:
        write("There are no keys. tws keys add NAME keeps one.\n")
    for entry in entries:
        write(f"{entry.name}  in the {entry.where}, since {entry.added}\n")
