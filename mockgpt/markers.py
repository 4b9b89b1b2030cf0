"""What a test's markers say: the scenarios and options of its fixture.

The plugin imports this when a test asks for a fixture.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from os import fspath
from pathlib import Path
from typing import Any

from mockgpt.core.scenario import Scenario
from mockgpt.files.documents import ScenarioError
from mockgpt.files.exact import ExactTokensUnavailable
from mockgpt.files.scenarios import is_shipped
from mockgpt.given import check_sources
from mockgpt.options import check_options
from mockgpt.server.metrics import MetricsUnavailableError

# What is raised for a marker that cannot be, by it or by what it asks for.
REFUSALS = (
    *(TypeError, ValueError),
    *(ScenarioError, ExactTokensUnavailable, MetricsUnavailableError),
)


def marked(
    markers: Iterable[Any], test: Path, ini: Callable[[str], Any], known: Collection[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the scenarios and options of a test in that file, each from the closest marker that has it.

    `ini` tells the project's options; what it allows and denies is added, unless the markers, the
    closest first, say the contrary. Raises TypeError and ValueError for what cannot be, and for
    options that are not `known`.
    """
    markers = tuple(markers)
    scenarios = next((marker.args for marker in markers if marker.args), ())
    options: dict[str, Any] = {}
    for marker in reversed(markers):
        options |= marker.kwargs
    check_options(options, known)
    allow, deny = (options.get(name, ()) for name in ("allow", "deny"))
    codes = {
        "allow": {*ini("mockgpt_allow")} - {*deny} | {*allow},
        "deny": {*ini("mockgpt_deny")} - {*allow} | {*deny},
    }
    redact = [*ini("mockgpt_redact"), *options.get("redact", ())]
    found = tuple(_found(scenario, test) for scenario in scenarios)
    return found, options | codes | {"redact": redact}


def _found(scenario: Any, test: Path) -> Any:
    """Return a scenario of a marker; a file stands beside the test's, or in the working directory.

    Raises TypeError for what is no scenario, ValueError for a file that stands in neither place.
    """
    check_sources([scenario])
    if isinstance(scenario, Scenario | Mapping):
        return scenario
    name = fspath(scenario)
    here = Path.cwd()
    beside = test.parent / name
    if is_shipped(name) or Path(name).is_absolute():
        return name
    if beside.exists():
        return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)
    if not Path(name).exists():
        raise ValueError(
            f"expected a scenario file '{name}' beside {test.name} in {test.parent}, or in the working "
            f"directory {here}; found none"
        )
    return name
