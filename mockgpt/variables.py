"""The environment variables that lead clients to a server: to its URL, past or through a proxy, by TLS."""

import os
from pathlib import Path

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# Where OpenSSL (and so Python, Ruby, Go, Rust), requests, curl, Node.js and Deno look.
_TRUSTING = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
)


def environment(base_url: str, api_key: str) -> dict[str, str]:
    """Return the variables that point OpenAI's clients at a server: today's and 2023's names."""
    return {
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_BASE": base_url,
        "OPENAI_API_KEY": api_key,
    }


def direct() -> dict[str, str]:
    """Return the variables that keep requests to this machine from a user's own proxy."""
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if before.strip() == "*":
        return {}
    hosts = [host.strip() for host in before.split(",") if host.strip()]
    return _both("NO_PROXY", ",".join(dict.fromkeys((*hosts, *_LOOPBACK))))


def proxied(url: str) -> dict[str, str]:
    """Return the variables that lead all requests through a proxy but those to this machine."""
    variables = _both("NO_PROXY", ",".join(_LOOPBACK)) | {"NODE_USE_ENV_PROXY": "1"}
    for name in _PROXIED:
        variables |= _both(name, url)
    return variables


def trusting(file: Path) -> dict[str, str]:
    """Return the variables that make clients trust the certificates of a file."""
    return dict.fromkeys(_TRUSTING, str(file))


def _both(name: str, value: str) -> dict[str, str]:
    """Return a variable in both spellings: curl takes http_proxy in small letters alone."""
    return {name: value, name.lower(): value}
