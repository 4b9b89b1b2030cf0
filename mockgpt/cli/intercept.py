"""What `mockgpt run --intercept` adds: the proxy, its certificate, and the variables that lead to them."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from mockgpt.cli.node import preload
from mockgpt.cli.options import Unusable
from mockgpt.variables import proxied, trusting

if TYPE_CHECKING:
    from mockgpt.cli.offline import Witness
    from mockgpt.server.proxy import Proxy


@contextmanager
def intercepting(
    hosts: tuple[str, ...],
    listener: socket.socket,
    strayed: Callable[[str], None],
    witness: "Witness | None",
) -> Iterator[tuple["Proxy", dict[str, str]]]:
    """Give what stands in for hosts, and the variables that lead clients there and let them trust it.

    Without a network clients that heed no variable are led there by its names and ports. What could
    not be agreed on with clients is told at the end.
    """
    from mockgpt.server.proxy import Proxy  # aiohttp takes long to import
    from mockgpt.server.run import bind, url_of
    from mockgpt.server.tls import CA, Authority, TLSUnavailableError

    try:
        authority = Authority()
    except TLSUnavailableError as error:
        raise Unusable(str(error)) from error
    context = authority.context(*hosts)
    failed: list[str] = []
    with ExitStack() as stack:
        folder = stack.enter_context(authority.folder())
        door = stack.enter_context(bind("127.0.0.1", 0))
        doors: list[tuple[socket.socket, ssl.SSLContext | None]] = [(door, context)]
        if witness is not None:
            witness.resolve(hosts)
            doors += [
                (stack.enter_context(bind("127.0.0.1", port)), tls)
                for port, tls in ((80, None), (443, context))
            ]
        proxy = Proxy(hosts, context, doors=doors, strayed=strayed, failed=failed.append)
        plain, tls = (one.getsockname()[1] for one in (listener, door))
        yield (
            proxy,
            {
                **proxied(url_of(listener)),
                **trusting(folder / CA),
                **preload(folder, hosts, plain, tls),
            },
        )
    for host in dict.fromkeys(failed):
        click.echo(
            f"mockgpt: no TLS as {host} with a client; expected one that trusts the file in "
            "SSL_CERT_FILE",
            err=True,
        )
