"""Records as bytes, which the pytest plugin sends from xdist's workers to their controller."""

import pickle
from io import BytesIO
from typing import Any

from msgspec.structs import replace

from mockgpt.core.records import Record


def packed(record: Record, *, whole: bool) -> bytes:
    """Return a record as bytes; unless it is to be whole, without its exchanges."""
    if not whole:
        bare = tuple(replace(finding, exchanges=()) for finding in record.findings)
        record = replace(record, exchanges=(), underway=(), findings=bare)
    data = BytesIO()
    _Pickler(data).dump(record)
    return data.getvalue()


def unpacked(data: bytes) -> Record:
    """Return the record of these bytes, which must be this run's own."""
    record: Record = pickle.loads(data)  # noqa: S301 - this run's own
    return record


class _Pickler(pickle.Pickler):
    """Pickles exceptions, which bugs are recorded as, by what they say: not all can be pickled."""

    def reducer_override(self, value: object) -> Any:
        """Return how a value is made again."""
        bug = isinstance(value, BaseException)
        return (RuntimeError, (repr(value),)) if bug else NotImplemented
