"""Scenarios, from shipped names, paths and values."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields, replace

from mockgpt.core.counting import counted
from mockgpt.core.entry import Place, Problem, path_of
from mockgpt.core.scenario import Loaded, Scenario, entries_of
from mockgpt.core.scenario_problems import file_problems, problems
from mockgpt.core.service import Service
from mockgpt.files.documents import (
    Complaint,
    Document,
    ScenarioError,
    of_data,
    read,
)
from mockgpt.files.joining import Placed, merged
from mockgpt.files.mending import Fitting, fitting
from mockgpt.files.named import read_file, unknown_name
from mockgpt.files.texts import Reading, with_texts

# In a wheel scenarios stand inside the package, in a checkout beside it.
_SHIPPED = tuple(folder / "scenarios" for folder in Path(__file__).parents[1:3])

Source = str | PathLike[str] | Mapping[str, Any] | Scenario

_IN_PYTHON = "scenario 'in Python'"  # one without a name or a file
_WIDTH = 1_000_000  # of a line: texts are not folded


def shipped() -> dict[str, Path]:
    """Return the shipped scenarios by name."""
    folder = next(folder for folder in _SHIPPED if folder.is_dir())
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def is_shipped(source: str) -> bool:
    """Tell whether a source names a shipped scenario, not a file: it has no dot and no slash."""
    return not {".", "/", "\\"} & {*source}


def load_scenarios(
    sources: Iterable[Source], service: Service, *, seed: int | None = None
) -> Loaded:
    """Load scenarios into one: their rules in the order given, the seed given or else theirs.

    A name without a dot or a slash is a shipped scenario's; a mapping is what a file may say. Raises
    ScenarioError.
    """
    return merged([_placed(source, service) for source in sources], seed)


def load_sent(sent: dict[str, Any] | str, service: Service, *, seed: int | None = None) -> Loaded:
    """Load a scenario that someone sent, as data or as YAML text; it may not name files to read.

    Raises ScenarioError.
    """
    name = "scenario"
    document = read(sent, name) if isinstance(sent, str) else of_data(sent, name)
    fit = fitting(document)
    scenario = fit.scenario
    for place, message in file_problems(scenario):
        document.complain(place, message)
    _judge(document, fit, problems(scenario, service))
    return merged([Placed(name, scenario, _places(document, scenario))], seed)


def check_uncounted(loaded: Loaded) -> None:
    """Raise ScenarioError for what several processes would each count by themselves."""
    complaints = [
        Complaint(
            "expected what several workers answer alike, found "
            f"{what}, which each would count by itself; serve it by one process",
            loaded.places.get(name, "") or f"scenario '{loaded.scenario.name}'",
            path=name,
        )
        for name, what in counted(loaded.scenario)
    ]
    if complaints:
        raise ScenarioError(*complaints)


def _placed(source: Source, service: Service) -> Placed:
    match source:
        case Scenario():
            return _checked(source, service)
        case Mapping():
            scenario = spelt(plain(source), service, _IN_PYTHON)
            return Placed(scenario.name or _IN_PYTHON, scenario)
        case _:
            return _load(fspath(source), service)


def _checked(scenario: Scenario, service: Service) -> Placed:
    name = f"scenario '{scenario.name}'" if scenario.name else _IN_PYTHON
    reading = Reading(Path(), confined=False)
    complete = with_texts(scenario, reading)
    complaints = [
        Complaint(message, name, path=path_of(place))
        for place, message in (*problems(scenario, service), *reading.problems)
    ]
    if complaints:
        raise ScenarioError(*complaints)
    return Placed(scenario.name or name, complete, files=reading.files)


def _load(source: str, service: Service) -> Placed:
    document, scenario, names = _read(source, service)
    return Placed(source, scenario, _places(document, scenario), names)


def _places(document: Document, scenario: Scenario) -> dict[Place, str]:
    return {
        place: f"{document.file}:{document.values[place][0]}"
        for place, _ in entries_of(scenario)
        if place in document.values
    }


def complaints_of(source: str, service: Service) -> tuple[Complaint, ...]:
    """Return what is wrong with a scenario file, or else what in it cannot be meant, by its lines."""
    from mockgpt.core.lint import lint  # servers do without

    try:
        document, scenario, _ = _read(source, service)
        for one in lint(scenario, service):
            document.complain(one.place, one.message, code=one.code)
        document.check()
    except ScenarioError as error:
        return error.errors
    return ()


def _read(source: str, service: Service) -> tuple[Document, Scenario, list[str]]:
    path = Path(source)
    if is_shipped(source):
        known = shipped()
        if source not in known:
            raise unknown_name(source, "a shipped scenario", known)
        path = known[source]
    document = read(read_file(str(path), "a scenario file"), source)
    if isinstance(document.data, dict) and "mockgpt" not in document.data:
        document.complain((), "expected `mockgpt: 1`, the version of the language, found none")
    reading = Reading(path.parent, [str(path.absolute())])
    try:
        scenario = _converted(document, service, reading)
    except ScenarioError as error:
        error.files = tuple(reading.files)
        raise
    return document, replace(scenario, name=scenario.name or path.stem), reading.files


def spelt(data: dict[str, Any], service: Service, line: str) -> Scenario:
    """Return the scenario that a line of Python spells: plain data, checked as a file's is."""
    return _converted(of_data(data, line), service, Reading(Path(), confined=False))


def _converted(document: Document, service: Service, reading: Reading) -> Scenario:
    fit = fitting(document)
    complete = with_texts(fit.scenario, reading)
    _judge(document, fit, (*problems(fit.scenario, service), *reading.problems))
    return complete


def _judge(document: Document, fit: Fitting, found: Iterable[Problem]) -> None:
    """Raise ScenarioError for what is wrong with a document, or with what of it fits."""
    for place, message in found:
        if not fit.is_doubtful(place, message):
            document.complain(place, message)
    document.check()


def plain(value: Any) -> Any:
    """Return a value of the language as YAML gives it: mappings and lists, without defaults.

    Raises TypeError for what is no data.
    """
    match value:
        case Struct():
            config = value.__struct_config__
            mapping = {config.tag_field: config.tag} if config.tag_field else {}
            for one in fields(value):
                said = getattr(value, one.name)
                default = one.default if one.default_factory is NODEFAULT else one.default_factory()
                if said != default:
                    mapping[one.encode_name] = plain(said)
            return mapping
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case Sequence() if not isinstance(value, str):
            return [plain(item) for item in value]
        case _:
            return msgspec.to_builtins(value)  # a member of an enumeration is what it stands for


def dump(scenario: Scenario) -> str:
    """Return a scenario as a file that loads to an equal one."""
    representer = yaml.representer.SafeRepresenter(default_flow_style=False, sort_keys=False)
    node = representer.represent_data({"mockgpt": 1, **plain(scenario)})
    _choose_styles(node)
    return yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=_WIDTH)


def _choose_styles(node: yaml.Node) -> None:
    """Write texts of several lines as they stand; quote the newline of EBCDIC, which YAML changes."""
    match node:
        case yaml.MappingNode():
            for pair in node.value:
                for one in pair:
                    _choose_styles(one)
        case yaml.SequenceNode():
            for one in node.value:
                _choose_styles(one)
        case yaml.ScalarNode(value=text) if "\x85" in text:
            node.style = '"'
        case yaml.ScalarNode(value=text) if "\n" in text:
            node.style = "|"
