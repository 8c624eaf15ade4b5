"""The vault: one file beside the config file, mode 0600. Names stand in it in the clear, secrets only sealed.

All its sealed secrets open with one passphrase. An entry may say instead that its secret is in the system's keyring.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from workstation.vault import keyring, sealing
from workstation.vault.secrets import Address, ApiKey
from workstation.whole_file import in_place_of

type Secret = ApiKey | Address
#: Asks for the passphrase of the vault, or (True) for that of a new one; until one was right, at every need of it.
type AskPassphrase = Callable[[bool], str]

_CHECK = b"tws vault"


class VaultError(Exception):
    """The vault cannot do what was asked; the text is one sentence and never holds a secret."""


class Kind(StrEnum):
    VENUE = "venue"  # an API key, by the name of the venue in the config file
    NOTIFY = "notify"  # an address for notifications


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a secret. `where` it is: in this file, or in the keyring; `added` is a date."""

    kind: Kind
    name: str
    where: Literal["file", "keyring"] = "file"
    added: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.name}"


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    entry: Entry
    sealed: str = ""


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["tws-vault-1"] = "tws-vault-1"
    salt: str = ""
    n: int = sealing.N
    r: int = sealing.R
    p: int = sealing.P
    check: str = ""  # opens with the right passphrase, whatever else is in the file
    secrets: tuple[_Sealed, ...] = ()


class Vault:
    """Secrets by kind and name. Reading and writing block (and scrypt takes a fifth of a second): off the loop."""

    def __init__(self, path: Path, ask: AskPassphrase) -> None:
        self.path = path
        self._ask = ask
        self._key: tuple[str, bytes] | None = None  # for the salt

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """What is there, without asking for the passphrase. Raises VaultError."""
        return [one.entry for one in self._read().secrets if kind is None or one.entry.kind is kind]

    def get(self, kind: Kind, name: str) -> Secret | None:
        """None if there is none. Raises VaultError: a wrong passphrase, a changed file, a keyring that is locked."""
        document = self._read()
        found = next((one for one in document.secrets if (one.entry.kind, one.entry.name) == (kind, name)), None)
        if found is None:
            return None
        if found.entry.where == "keyring":
            try:
                plain = keyring.get(found.entry.id).encode()
            except keyring.NoKeyring as error:
                raise VaultError(str(error)) from None
        else:
            plain = self._unseal(document, found)
        return _decode(kind, plain)

    def api_key(self, name: str) -> ApiKey | None:
        """The API key of a venue. Raises VaultError."""
        found = self.get(Kind.VENUE, name)
        return found if isinstance(found, ApiKey) else None

    def address(self, name: str) -> str | None:
        """An address for notifications. Raises VaultError."""
        found = self.get(Kind.NOTIFY, name)
        return found.url if isinstance(found, Address) else None

    def unlock(self, *kinds: Kind) -> None:
        """Ask for the passphrase now if a secret of these kinds will need it: nobody can be asked once the desk's
        screen stands. Raises VaultError.
        """
        document = self._read()
        if any(one.entry.kind in kinds and one.entry.where == "file" for one in document.secrets):
            self._verify(document)

    def put(self, entry: Entry, secret: Secret) -> None:
        """Keep a secret in place of any of the same kind and name. Raises VaultError."""
        document = self._read()
        plain = msgspec.json.encode(secret)
        sealed = ""
        if entry.where == "keyring":
            try:
                keyring.put(entry.id, plain.decode())
            except keyring.NoKeyring as error:
                raise VaultError(str(error)) from None
        else:
            if not document.check:
                document = msgspec.structs.replace(document, salt=sealing.new_salt())
                check = sealing.seal(self._key_of(document), _CHECK, document.salt.encode())
                document = msgspec.structs.replace(document, check=check)
            self._verify(document)
            sealed = sealing.seal(self._key_of(document), plain, _beside(entry))
        rest = tuple(one for one in document.secrets if one.entry.id != entry.id)
        secrets = (*rest, _Sealed(entry=entry, sealed=sealed))
        self._write(msgspec.structs.replace(document, secrets=secrets))

    def remove(self, kind: Kind, name: str) -> bool:
        """Whether it was there. Raises VaultError."""
        document = self._read()
        found = next((one for one in document.secrets if (one.entry.kind, one.entry.name) == (kind, name)), None)
        if found is None:
            return False
        if found.entry.where == "keyring":
            try:
                keyring.delete(found.entry.id)
            except keyring.NoKeyring as error:
                raise VaultError(str(error)) from None
        rest = tuple(one for one in document.secrets if one is not found)
        self._write(msgspec.structs.replace(document, secrets=rest))
        return True

    def change_passphrase(self, new: str) -> int:
        """Seal everything in the file anew under another passphrase; how many secrets that were. Raises VaultError."""
        document = self._read()
        salt = sealing.new_salt()
        key = sealing.derive(new, salt)
        secrets = [
            one
            if one.entry.where == "keyring"
            else msgspec.structs.replace(one, sealed=sealing.seal(key, self._unseal(document, one), _beside(one.entry)))
            for one in document.secrets
        ]
        check = sealing.seal(key, _CHECK, salt.encode())
        self._write(_Document(salt=salt, check=check, secrets=tuple(secrets)))
        self._key = (salt, key)
        return sum(one.entry.where == "file" for one in secrets)

    def _key_of(self, document: _Document) -> bytes:
        if self._key is None or self._key[0] != document.salt:
            key = sealing.derive(self._ask(not document.check), document.salt, document.n, document.r, document.p)
            self._key = (document.salt, key)
        return self._key[1]

    def _verify(self, document: _Document) -> None:
        try:
            sealing.unseal(self._key_of(document), document.check, document.salt.encode())
        except sealing.WrongPassphrase:
            self._key = None
            raise VaultError(f"The passphrase does not open {self.path}.") from None

    def _unseal(self, document: _Document, one: _Sealed) -> bytes:
        self._verify(document)
        try:
            return sealing.unseal(self._key_of(document), one.sealed, _beside(one.entry))
        except sealing.WrongPassphrase:
            raise VaultError(f"{one.entry.id} in {self.path} was changed by somebody: add it again.") from None

    def _read(self) -> _Document:
        try:
            with self.path.open("rb") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise VaultError(f"{self.path} can be read by others on this machine: chmod 600 it first.")
                data = file.read()
        except FileNotFoundError:
            return _Document()
        except OSError as error:
            raise VaultError(f"{self.path} cannot be read: {error.strerror}.") from None
        try:
            return msgspec.json.decode(data, type=_Document)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise VaultError(f"{self.path} is not a vault of this version; nothing was changed in it.") from None

    def _write(self, document: _Document) -> None:
        """The whole file or nothing, and never readable by others, not for an instant."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(self.path) as part:
                part.unlink(missing_ok=True)
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(document), indent=1))
        except OSError as error:
            raise VaultError(f"{self.path} cannot be written: {error.strerror}.") from None


def _beside(entry: Entry) -> bytes:
    return msgspec.json.encode([entry.kind, entry.name, entry.added])


def _decode(kind: Kind, plain: bytes) -> Secret:
    wanted: type[ApiKey] | type[Address] = ApiKey if kind is Kind.VENUE else Address
    try:
        return msgspec.json.decode(plain, type=wanted)
    except msgspec.DecodeError:
        raise VaultError("A secret of the vault cannot be read: add it again.") from None
