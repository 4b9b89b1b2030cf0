"""`mockgpt schema`: the JSON Schema of scenario files, for editors."""

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of scenario files, for editors to complete and check them with."""
    from mockgpt.files.schema import scenario_schema  # Faker's and msgspec's types take a while

    click.echo(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))
