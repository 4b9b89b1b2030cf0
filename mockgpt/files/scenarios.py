"""Scenarios, from shipped names, paths and values: several become one."""

from collections.abc import Iterable
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from mockgpt.core.scenario import Scenario, problems
from mockgpt.core.service import Service
from mockgpt.files.documents import ScenarioError, convert, error_at, read

# In a wheel scenarios stand inside the package, in a checkout beside it.
_SHIPPED = (
    Path(str(files("mockgpt"))) / "scenarios",
    Path(str(files("mockgpt"))).parent / "scenarios",
)


def shipped() -> dict[str, Path]:
    """Return the shipped scenarios by name."""
    folder = next(folder for folder in _SHIPPED if folder.is_dir())
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_scenarios(
    sources: Iterable[str | PathLike[str] | Scenario], service: Service, *, seed: int | None = None
) -> Scenario:
    """Load scenarios into one: their rules in the order given, the seed given or else theirs.

    A name without a dot or a slash is a shipped scenario's. Raises ScenarioError.
    """
    scenarios = [
        _checked(source, service)
        if isinstance(source, Scenario)
        else _load(fspath(source), service)
        for source in sources
    ]
    seeds = {scenario.seed: scenario.name for scenario in scenarios if scenario.seed is not UNSET}
    if seed is None and len(seeds) > 1:
        told = " and ".join(f"{name} says {value}" for value, name in seeds.items())
        raise ScenarioError(
            f"expected one seed for all scenarios, found several ({told}); give --seed"
        )
    chosen = seed if seed is not None else next(iter(seeds), 0)
    rules = tuple(rule for scenario in scenarios for rule in scenario.rules)
    return Scenario(
        name=" + ".join(scenario.name for scenario in scenarios),
        seed=chosen,
        rules=tuple(
            replace(rule, id=rule.id or f"rule-{number}") for number, rule in enumerate(rules, 1)
        ),
    )


def _checked(scenario: Scenario, service: Service) -> Scenario:
    for place, message in problems(scenario, frozenset(service.errors)):
        raise error_at(f"scenario '{scenario.name}'", None, place, message)
    return scenario


def _load(source: str, service: Service) -> Scenario:
    path = Path(source)
    if "." not in source and "/" not in source and "\\" not in source:
        known = shipped()
        if source not in known:
            raise ScenarioError(
                f"expected a shipped scenario ({', '.join(known)}) or a path to a .yaml file, "
                f"found '{source}'"
            )
        path = known[source]
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{source}: expected a scenario file, found {error}") from error
    document = read(text, str(source))
    scenario = convert(document, Scenario)
    if not isinstance(document.data, dict) or "mockgpt" not in document.data:
        raise document.error((), "expected `mockgpt: 1`, the version of the language, found none")
    for place, message in problems(scenario, frozenset(service.errors)):
        raise document.error(place, message)
    if scenario.service != service.name:
        raise document.error(
            ("service",),
            f"expected the service that is served, '{service.name}', found '{scenario.service}'",
        )
    return replace(scenario, name=scenario.name or path.stem)
