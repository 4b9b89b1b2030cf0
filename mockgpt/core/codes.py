"""The findings that there are: their codes, and whether they fail a test or are only told."""

from collections.abc import Collection
from typing import Literal, get_args

Severity = Literal["error", "warning"]

# Of errors that fail a test by themselves; a bug in mockgpt is one, too, and cannot be allowed.
ErrorCode = Literal[
    "unmatched_request",  # nothing in the scenario answers it
    "unmet_step",  # of a script, at the end
    "beyond_script",  # after the last step, or past the end of a rule's list
    "template_failed",
    "pattern_failed",
    "refused_request",  # as the real service would refuse it
    "late_request",  # of a session that was closed
    "unexpected_host",  # asked for through the proxy, or where there is no network
    "retry_after_ignored",
    "retried_refusal",  # tried again what trying again cannot mend
    "retry_storm",
    "no_reply",  # of a rule made in Python
]
WarningCode = Literal[
    "no_backoff",
    "constant_backoff",
    "gave_up",
    "sat_through_stall",
    "cut_unnoticed",
    "connection_not_reused",
    "unsupported_parameter",
    "drifting_retry",
    "secret_in_prompt",
    "never_asked",  # a rule made in Python, or a run's whole server
]
Code = Literal[ErrorCode, WarningCode]

BUG = "mockgpt_bug"
# Of the errors that mockgpt answers for itself: what was not scripted, or came too late.
MISSES = {
    "no_rule_answers": "unmatched_request",
    "replies_used_up": "beyond_script",
    "script_over": "beyond_script",
    "session_closed": "late_request",
    "template_failed": "template_failed",
    "pattern_failed": "pattern_failed",
}
CODES: frozenset[str] = frozenset((*get_args(ErrorCode), *get_args(WarningCode)))
_WARNINGS = frozenset(get_args(WarningCode))


def check_codes(name: str, codes: object) -> None:
    """Raise ValueError unless these are codes. `name` is that of the option."""
    if isinstance(codes, str) or not (isinstance(codes, Collection) and CODES.issuperset(codes)):
        raise ValueError(f"{name}={codes!r}: expected a list of {', '.join(sorted(CODES))}")


def severity(code: str, deny: frozenset[str]) -> Severity:
    """Return how severe a finding is where some codes are denied: those fail a test, too."""
    return "warning" if code in _WARNINGS and code not in deny else "error"
