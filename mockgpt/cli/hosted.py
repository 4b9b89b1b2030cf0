"""`mockgpt.server:app`: the same for servers of aiohttp applications, by MOCKGPT_* variables.

Such a server, gunicorn's aiohttp worker, has sockets, processes and certificates of its own.
"""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mockgpt.cli.serve import built, command, print_whole

if TYPE_CHECKING:
    from aiohttp import web

_OF_THE_HOST = ("listen", "tls", "certificate", "key_file", "watch")


def hosted() -> "web.Application":
    """Return an application that answers as `mockgpt serve` would; its variables are the options.

    Nobody says how many processes have one: it counts nothing unless MOCKGPT_WORKERS is 1. Raises
    click.UsageError for what the server above it decides, Unusable for what cannot be served.
    """
    from mockgpt.server.app import application

    try:
        context = command.make_context("mockgpt.server:app", [])
    except click.ClickException as error:  # which names the option only where it is formatted
        raise click.UsageError(error.format_message()) from error
    options = context.params
    told = {
        parameter.name: parameter.envvar
        for parameter in command.params
        if context.get_parameter_source(str(parameter.name)) is ParameterSource.ENVIRONMENT
    }
    for name in _OF_THE_HOST:
        if name in told:
            raise click.UsageError(
                f"expected the server's own option, found {told[name]}; mockgpt.server:app has no "
                "say in it"
            )
        del options[name]
    alone = options.pop("workers") == 1 and "workers" in told
    if options["metrics"] and not alone:
        raise click.UsageError(
            "expected MOCKGPT_WORKERS=1 beside MOCKGPT_METRICS, and one process, found neither"
        )
    handler = built(
        options.pop("scenarios"),
        alone=alone,
        api_keys=options.pop("api_key"),
        observer=None if options.pop("quiet") else print_whole,
        **options,
    )
    handler.exposed = True  # whoever is in between may be asked by others
    return application(handler)
