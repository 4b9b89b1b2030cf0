"""Regular expressions and globs of conditions: compiled once, their problems, their groups."""

import re
import warnings
from collections.abc import Iterator
from fnmatch import translate
from functools import lru_cache

from mockgpt.core.entry import Place, Problem


@lru_cache(maxsize=1024)
def regex(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a regular expression; it is searched.

    Raises FutureWarning for what Python will read otherwise one day.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        return re.compile(pattern, re.IGNORECASE if ignore_case else re.NOFLAG)


@lru_cache(maxsize=1024)
def glob(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a glob as of a shell; it matches the whole text."""
    return re.compile(translate(pattern), re.IGNORECASE if ignore_case else re.NOFLAG)


def regex_problems(pattern: str, place: Place) -> Iterator[Problem]:
    """Yield what is wrong with a regular expression, if anything is."""
    try:
        regex(pattern)
    except FutureWarning as error:
        message = f"{error}; write a backslash before what stands for itself"
        yield place, f"expected a regular expression, found '{pattern}' ({message})"
    except (re.error, OverflowError, RecursionError) as error:
        yield place, f"expected a regular expression, found '{pattern}' ({error})"


def group_names(pattern: object) -> frozenset[str]:
    """Return the names of a regular expression's groups; what is none has none."""
    if not isinstance(pattern, str) or any(regex_problems(pattern, ())):
        return frozenset()
    return frozenset(regex(pattern).groupindex)
