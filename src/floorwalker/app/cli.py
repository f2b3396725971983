"""The command line: `floorwalker COMMAND`.

In: arguments. Out: an exit code: 0 done, 1 an error a person can mend, 2 wrong usage, 130 interrupted.

Each command lives in `app/commands/` and imports what it needs when it runs, so that `floorwalker --help` is quick.
"""

from __future__ import annotations

import importlib
import sys

import click

from floorwalker import __version__
from floorwalker.errors import FloorwalkerError

# name → (module, help): the help stands here so that listing commands imports none of them.
COMMANDS = {
    "init": ("setup", "Make a project folder."),
    "config": ("setup", "Show the settings and where each comes from."),
    "map": ("mapping", "Look at a file, propose what its columns mean, and write the mapping."),
    "simulate": ("setup", "Write the raw files of a made-up retailer."),
    "demo": ("demo", "Simulate a retailer and run everything on it."),
    "pull": ("pull", "Bring what is new from shops, help desks and databases, as files for the next run."),
    "receive": ("receive", "Take Debezium's changes and Shopify's privacy webhooks over HTTP."),
    "run": ("run", "Read new files and bring every table up to date."),
    "status": ("run", "What has been read, built and published."),
    "doctor": ("doctor", "What stands in the way, and what to do."),
    "backup": ("backup", "Write the project into one file."),
    "restore": ("backup", "Make a project from a backup."),
    "migrate": ("backup", "Move the project forward to this version."),
    "report": ("run", "Write the HTML report of the published run."),
    "lake": ("lake", "Tables and their versions; join small files, delete what nobody needs."),
    "models": ("data", "List, lint and show the SQL models."),
    "quality": ("quality", "What is odd about the data, how fresh it is, and which tests pass."),
    "lineage": ("lineage", "Where a column comes from, and what is made of it."),
    "events": ("events", "What events mean, their JSON Schema, and whether what is sent would be taken."),
    "query": ("data", "Ask the published tables a question in SQL."),
    "quarantine": ("quarantine", "Rows that did not fit: why, and putting them right."),
    "identity": ("identity", "Who is one person and why; join, cut, review."),
    "customers": ("customers", "Find customers and show their one record."),
    "segments": ("customers", "List segments, their members, and why someone is in one."),
    "features": ("features", "List and explain the features, and show a customer's values."),
    "decide": ("decide", "One decision for one customer, with reasons."),
    "serve": ("decide", "Start the HTTP service."),
    "collect": ("collect", "Start the collector that SDKs send events to."),
    "tail": ("collect", "Show the events that come in."),
    "live": ("live", "Follow what is collected, and show live profiles."),
    "keys": ("decide", "Make, list and revoke API keys."),
    "audience": ("activate", "List audiences and export one to a file."),
    "export": ("export", "Write the project's SQL for another engine, or a dbt project."),
    "erase": ("govern", "Erase a person from every store, with proof."),
    "privacy": ("receive", "What people asked of their data by a shop's webhooks."),
    "audit": ("govern", "Who did what, and whether the log is intact."),
}


class _Commands(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"floorwalker.app.commands.{COMMANDS[cmd_name][0]}")
        # `map` would hide Python's own in its module.
        return getattr(module, {"map": "map_file"}.get(cmd_name, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from floorwalker.errors import did_you_mean

        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"no command '{name}': {did_you_mean(name, COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-p", "--project", "folder", default=".", metavar="DIR", help="The project folder (default: here).")
@click.version_option(__version__, prog_name="floorwalker")
@click.pass_context
def floorwalker(ctx: click.Context, folder: str) -> None:
    """One customer across stores, web, app, e-mail and loyalty, and one decision for every channel.

    \b
    Start:   floorwalker init shop --template demo && cd shop && floorwalker run
    Then:    floorwalker customers search ann@example.com
    """
    ctx.obj = folder


def main() -> None:
    """Entry point: errors with a cure are printed as such, without a traceback."""
    try:
        code = floorwalker.main(prog_name="floorwalker", standalone_mode=False)
    except FloorwalkerError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.secho("interrupted: nothing half-written is visible; the next run continues", fg="yellow", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing more to say.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        from floorwalker.engines.messages import trace
        from floorwalker.engines.trouble import explained

        # No space, no permission, a port in use: nothing in our code to look at.
        found = explained(error)
        if found is not None:
            click.secho(f"error: {found}", fg="red", err=True)
            sys.exit(1)
        # A mistake of ours. Whoever reports it should not send a customer's data along.
        click.echo(trace(error), err=True, nl=False)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
