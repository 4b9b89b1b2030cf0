"""What `mockgpt serve --tls` adds: a certificate, made or given, and how clients come to trust it."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockgpt.cli.options import Unusable

if TYPE_CHECKING:
    import ssl


@contextmanager
def secured(
    host: str, *, tls: bool, certificate: Path | None, key: Path | None
) -> "Iterator[tuple[ssl.SSLContext | None, Path | None]]":
    """Give what serves by TLS, where that is wanted, and the file that makes clients trust it.

    A certificate that is made is good for this machine and the host that is listened on.
    """
    if key is not None and certificate is None:
        raise click.UsageError("expected --cert beside --key, found none; name the certificate")
    if certificate is None and not tls:
        yield None, None
        return
    from mockgpt.server.tls import CA, LOOPBACK, Authority, TLSUnavailableError, given

    try:
        if certificate is not None:
            yield given(certificate, key), None
        else:
            authority = Authority()
            names = dict.fromkeys((*LOOPBACK, host) if _is_name(host) else LOOPBACK)
            with authority.folder() as folder:
                yield authority.context(*names), folder / CA
    except TLSUnavailableError as error:
        raise Unusable(str(error)) from error


def _is_name(host: str) -> bool:
    """Tell whether clients may ask for it: 0.0.0.0 is listened on, but is nobody's."""
    try:
        return not ip_address(host).is_unspecified
    except ValueError:
        return True
