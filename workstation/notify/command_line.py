"""`tws notify`: where notes are sent. The addresses are secrets (they hold tokens), so they are kept in the vault."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from workstation.notify.assembly import addresses
from workstation.notify.delivery import deliver
from workstation.paths import Paths
from workstation.vault.command_line import ask_secret, new_entry, open_vault
from workstation.vault.file import Kind, VaultError
from workstation.vault.secrets import Address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Where notes of fills, refusals, breakers, the kill switch, lost links and strategies go: any address of "
        "Apprise (Telegram tgram://…, Discord discord://…, Slack slack://…, e-mail mailto://…, ntfy ntfy://…). "
        "An address is asked for, never an argument: it holds a token. What is told, and when, is set under [notify]."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|remove|test")
    add = actions.add_parser("add", help="keep an address")
    add.add_argument("name", help="a name of your own for it")
    add.add_argument("--keyring", action="store_true", help="in the system's keyring instead of the file")
    actions.add_parser("list", help="which addresses there are, by name")
    remove = actions.add_parser("remove", help="forget an address")
    remove.add_argument("name")
    test = actions.add_parser("test", help="send a note to one or all")
    test.add_argument("name", nargs="?")


def notify(options: argparse.Namespace, paths: Paths, write: Callable[[str], object]) -> int:
    """Run `tws notify`; 1 if a test failed. Raises VaultError."""
    vault = open_vault(paths)
    entries = vault.entries(Kind.NOTIFY)
    match options.action:
        case "add":
            url = ask_secret("Address")
            if "://" not in url:
                raise VaultError("Nothing was kept: an address looks like tgram://token/chat.")
            vault.put(new_entry(Kind.NOTIFY, options.name, options.keyring), Address(url))
            write(f"The address {options.name} is kept; tws notify test {options.name} tries it.\n")
        case "list":
            write("".join(f"{e.name}  in the {e.where}, since {e.added}\n" for e in entries) or "No addresses yet.\n")
        case "remove":
            if not vault.remove(Kind.NOTIFY, options.name):
                raise VaultError(f"There is no address {options.name!r}.")
            write(f"The address {options.name} is forgotten.\n")
        case "test":
            wanted = [entry for entry in entries if options.name in (None, entry.name)]
            if not wanted:
                raise VaultError("There is no such address: tws notify add NAME keeps one.")
            text = "This is a test of the notes that tws sends."
            results = {name: deliver(url, "tws", text) for name, url in addresses(vault, wanted).items()}
            for name, problem in results.items():
                write(f"{name}: {'sent' if problem is None else problem}\n")
            return int(any(problem is not None for problem in results.values()))
    return 0
