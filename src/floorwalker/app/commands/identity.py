"""`identity`: who is one person and why; joining, cutting and reviewing.

Each command lives in a module of its own beside this one and is imported when it is used.
"""

from __future__ import annotations

import importlib

import click

from floorwalker.errors import did_you_mean

# name → (module, help)
COMMANDS: dict[str, tuple[str, str]] = {
    "explain": ("identity_explain", "Why records are one person, or why two are not."),
    "review": ("identity_review", "Pairs that a person should look at: the same, or two?"),
    "link": ("identity_link", "Decide that two are one person."),
    "cut": ("identity_link", "Decide that two are not one person."),
    "unmerge": ("identity_unmerge", "Take a customer apart at its weakest evidence, or at chosen records."),
    "decisions": ("identity_decisions", "What people have decided, and what has become of it."),
    "undo": ("identity_decisions", "Take a decision back."),
    "map": ("identity_map", "Whose records are, or were on a day."),
    "resolve": ("identity_resolve", "Bring what was decided into effect, without reading anything new."),
    "what-if": ("identity_what_if", "What other settings would do, before they are set."),
    "keys": ("identity_keys", "Keys by which other systems look customers up: list, rotate, retire."),
    "preflight": ("identity_preflight", "Is each kind of identifier fit to tell people apart?"),
    "blocked": ("identity_blocked", "Values that name nobody, and why."),
    "quarantine": ("identity_quarantine", "Identifiers that the breaker has taken out; release one."),
    "learn": ("identity_learn", "Find hubs, model and levels anew."),
    "metrics": ("identity_metrics", "The figures of identity, and how they moved."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command '{cmd_name}': {did_you_mean(cmd_name, COMMANDS)}")
        module, _ = COMMANDS[cmd_name]
        return getattr(importlib.import_module(f"floorwalker.app.commands.{module}"), cmd_name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Commands)
def identity() -> None:
    """Who is one person and why; join, cut, review.

    \b
    floorwalker identity explain ann@example.com
    """
