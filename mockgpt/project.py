"""What pytest's configuration says of mockgpt, checked once for the run.

The plugin imports this in every run of a project that configures it, so it imports little.
"""

from collections.abc import Iterable, Mapping

from mockgpt.core.codes import CODES
from mockgpt.core.entry import did_you_mean
from mockgpt.core.redaction import redaction


def check_project(given: Mapping[str, Iterable[str]]) -> None:
    """Raise ValueError for what no test could be run with; `given` is said of allow, deny, redact."""
    for name in ("allow", "deny"):
        for code in given[name]:
            if code not in CODES:
                hint = did_you_mean(code, CODES)
                known = ", ".join(sorted(CODES))
                raise ValueError(f"mockgpt_{name}: expected some of {known}, found {code!r}{hint}")
    try:
        redaction(given["redact"])
    except ValueError as error:
        raise ValueError(f"mockgpt_redact: {error}") from None
