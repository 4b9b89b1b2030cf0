"""Certificates: those of a user's files, or of an authority made on the spot (the extra `tls`).

No private key of the authority touches the disk; clients need its certificate alone.
"""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CA = "ca.pem"  # the file in it
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OF_ANOTHER = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")  # of the same kind, of another


class TLSUnavailableError(Exception):
    """A certificate cannot be made or used; says what to mend."""


class Authority:
    """A certificate authority that lives as long as the process. Raises TLSUnavailableError."""

    def __init__(self) -> None:
        try:
            import trustme  # it brings cryptography, which takes long to import
        except ImportError as error:
            raise TLSUnavailableError(
                'making a certificate needs the package trustme; run: pip install "mockgpt[tls]"'
            ) from error
        self._authority = trustme.CA(organization_name="mockgpt, for tests alone")

    def context(self, *names: str) -> ssl.SSLContext:
        """Return what serves by a new certificate for host names and addresses."""
        context = _context()
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder with the certificate that clients are to trust, until the context ends."""
        with tempfile.TemporaryDirectory(prefix="mockgpt-") as folder:
            Path(folder, CA).write_bytes(self._authority.cert_pem.bytes())
            yield Path(folder)


def given(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what serves by a user's files; without a key it is in the certificate's.

    Raises TLSUnavailableError for files that are none, or do not belong together.
    """
    try:
        ssl.create_default_context(cafile=certificate)
    except ssl.SSLError as error:
        raise TLSUnavailableError(
            f"expected a certificate in PEM form in '{certificate}', found none"
        ) from error
    context = _context()
    try:  # the password is asked for on the terminal unless it is given here
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason in _OF_ANOTHER:
            raise TLSUnavailableError(
                f"expected the key of '{certificate}' in '{key or certificate}', found another's"
            ) from error
        raise TLSUnavailableError(
            f"expected a private key in PEM form, without a password, in '{key or certificate}', "
            f"found none"
        ) from error
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
