"""How commands that serve begin fast and stay small: without what only others need."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_FULL_LOOKS = 100  # lesser collections until a full one: some 20,000 requests
_CERTIFICATES = "SSL_CERT_FILE"  # where OpenSSL looks for those that clients trust


@contextmanager
def lean() -> Iterator[None]:
    """Import and build meanwhile what a process has until its end.

    Its objects stay, so no garbage is looked for among them, then or later. Importing aiohttp loads
    the certificates of all authorities, for its client, which takes as long as a third of the rest;
    nothing here is a client, so it is to find none.

    All other objects are looked at seldom, too: that holds up every open stream, with a full journal
    for 70 ms, and most requests leave no cycles behind.
    """
    before = os.environ.get(_CERTIFICATES)
    os.environ[_CERTIFICATES] = os.devnull
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], _FULL_LOOKS)
        gc.enable()
        if before is None:
            del os.environ[_CERTIFICATES]
        else:
            os.environ[_CERTIFICATES] = before
