"""JSON values laid over others: by a merge patch, where null removes, or as a file over what it extends."""

from typing import Any


def patched(value: Any, patch: Any) -> Any:
    """Return a value changed by a JSON merge patch (RFC 7386, section 2)."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            kept.pop(name, None)
        else:
            kept[name] = patched(kept.get(name), change)
    return kept


def extended(base: Any, own: Any) -> Any:
    """Return a value with what another one says instead of it or, in mappings, besides; null is a value."""
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    return base | {key: extended(base.get(key), value) for key, value in own.items()}
