"""Secrets of the user: API keys of venues and addresses of notifications, encrypted on the disk or in the keyring."""

from workstation.vault.file import Entry, Kind, Vault, VaultError
from workstation.vault.secrets import ApiKey

__all__ = ["ApiKey", "Entry", "Kind", "Vault", "VaultError"]
