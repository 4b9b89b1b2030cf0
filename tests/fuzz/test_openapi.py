"""The server against its own description: what schemathesis draws from it, and all that it checks."""

import requests
from hypothesis import note
from hypothesis import strategies as st


def test_the_description(fuzz, against):
    import schemathesis  # here: a second of every worker's time, for one test

    checks = schemathesis.checks.CHECKS
    target = against(api_keys=["sk-mock"])
    raw = requests.get(f"{target.mock.url}/_mockgpt/openapi.json", timeout=5).json()
    schema = schemathesis.openapi.from_dict(raw)
    excluded = checks.get_by_names(
        [
            # A window, a model's kind, a YAML text or an id that must be there: no schema says it.
            "positive_data_acceptance",
        ]
    )
    modes = schemathesis.GenerationMode
    operations = [found.ok() for found in schema.get_all_operations()]
    cases = st.one_of(*(operation.as_strategy(mode) for operation in operations for mode in modes))
    engine, clock = target.mock._handler.engine, target.mock.clock
    loaded = engine.loaded
    with requests.Session() as session:

        def law(case):
            note(f"{case.method} {case.path} {case.path_parameters} {case.query} {case.body!r}")
            clock._advanced = 0
            target.reset()
            engine.load(loaded)
            case.call_and_validate(
                base_url=target.mock.url,
                session=session,
                headers={"Authorization": "Bearer sk-mock"},
                excluded_checks=excluded,
                timeout=5,
            )
            target.check_unharmed()

        fuzz("the description", law, case=cases)
