"""How commands that serve begin fast and stay small: without what only others need."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CERTIFICATES = "SSL_CERT_FILE"  # where OpenSSL looks for those that clients trust


@contextmanager
def lean() -> Iterator[None]:
    """Import and build meanwhile what a process has until its end.

    Its objects stay, so no garbage is looked for among them, then or later. Importing aiohttp loads
    the certificates of all authorities, for its client, which takes as long as a third of the rest;
    nothing here is a client, so it is to find none.
    """
    before = os.environ.get(_CERTIFICATES)
    os.environ[_CERTIFICATES] = os.devnull
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        if before is None:
            del os.environ[_CERTIFICATES]
        else:
            os.environ[_CERTIFICATES] = before
