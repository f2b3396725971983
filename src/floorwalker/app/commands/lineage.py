"""`lineage`: where a column comes from, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import json_option, show

if TYPE_CHECKING:
    from rich.tree import Tree

    from floorwalker.engines.lineage import Lineage

MOST = 12
"""Lines below one node of the tree before the rest is only counted; `--all` shows them."""


@click.command()
@click.argument("column")
@click.option("--up", is_flag=True, help="Only what it is made of.")
@click.option("--down", is_flag=True, help="Only what is made of it.")
@click.option("--all", "everything", is_flag=True, help="Every line, however many.")
@json_option
@click.pass_obj
def lineage(folder: str, column: str, up: bool, down: bool, everything: bool, as_json: bool) -> None:
    """Where a column comes from, down to columns of files, and what is made of it, up to audiences.

    \b
    floorwalker lineage gold.customers.revenue
    floorwalker lineage audience:winback_email --up
    floorwalker lineage file:shop_orders.line.total --down
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.lineage import project_lineage

    project = open_project(folder)
    found = project_lineage(project, load_config(project).settings)
    node = found.resolve(column)
    both = up == down
    if as_json:
        show(document(found, node, up=up or both, down=down or both), True)
        return
    from rich.console import Console

    most = 10**9 if everything else MOST
    console = Console(highlight=False, soft_wrap=True)
    if up or both:
        console.print(tree_up(found, node, most))
        console.print(_beginning(found, node))
    if down or both:
        console.print(tree_down(found, node, most))


def document(found: Lineage, node: str, *, up: bool, down: bool) -> dict[str, Any]:
    """The answer as plain data."""
    told: dict[str, Any] = {"node": node, "influences": [vars(one) for one in found.influences.get(node, ())]}
    if up:
        told["up"] = {one: found.inputs(one) for one in sorted({node, *found.above(node)}) if found.inputs(one)}
        told["roots"] = sorted(found.roots(node))
    if down:
        told["down"] = {one: found.outputs(one) for one in sorted({node, *found.below(node)}) if found.outputs(one)}
        told["influenced"] = {table: sorted(columns) for table, columns in sorted(found.influenced(node).items())}
    return told


def tree_up(found: Lineage, node: str, most: int = MOST) -> Tree:
    """What a node is made of. A node that stands twice is opened once; what only ranks is not opened."""
    from rich.tree import Tree

    tree = Tree(_label(found, node, ""), guide_style="dim")
    opened: set[str] = set()

    def grow(branch: Tree, one: str) -> None:
        opened.add(one)
        for text in _influences(found, one):
            branch.add(text)
        inputs = _sorted(found.inputs(one))
        for name, how in inputs[:most]:
            again = name in opened and bool(found.inputs(name))
            inner = branch.add(_label(found, name, how) + (" [dim](see above)[/dim]" if again else ""))
            if not again and how != "order":
                grow(inner, name)
        if len(inputs) > most:
            branch.add(f"[dim]and {len(inputs) - most} more[/dim]")

    grow(tree, node)
    return tree


def tree_down(found: Lineage, node: str, most: int = MOST) -> Tree:
    """What is made of a node, and whose rows it filters or joins."""
    from rich.tree import Tree

    tree = Tree(f"[bold]{_plain(node)}[/bold] is used by", guide_style="dim")
    opened: set[str] = set()

    def grow(branch: Tree, one: str) -> None:
        opened.add(one)
        outputs = _sorted(found.outputs(one))
        for name, how in outputs[:most]:
            again = name in opened and bool(found.outputs(name))
            inner = branch.add(_label(found, name, how) + (" [dim](see above)[/dim]" if again else ""))
            if not again:
                grow(inner, name)
        if len(outputs) > most:
            branch.add(f"[dim]and {len(outputs) - most} more[/dim]")

    grow(tree, node)
    touched = {table: columns for table, columns in sorted(found.influenced(node).items()) if table != node}
    if touched:
        inner = tree.add("[dim]decides which rows count in[/dim]")
        for table, columns in touched.items():
            whole = any(column.endswith(".*") for column in columns)
            inner.add(f"{table}" + ("" if whole or table in columns else f" [dim]{_some(columns)}[/dim]"))
    if not tree.children:
        tree.add("[dim]nothing[/dim]")
    return tree


def _sorted(edges: dict[str, str]) -> list[tuple[str, str]]:
    from floorwalker.engines.relations import KINDS

    return sorted(edges.items(), key=lambda pair: (KINDS.index(pair[1]), pair[0]))


def _label(found: Lineage, node: str, how: str) -> str:
    from floorwalker.engines.lineage import table_of

    note = "" if how in ("", "value", "rows") else f" [dim]({how})[/dim]"
    by = found.made_by.get(table_of(node), "")
    step = f" [dim]· {by}[/dim]" if by.startswith(("step", "source")) else ""
    text = _plain(node)
    if not how:
        text = f"[bold]{text}[/bold]"
    nothing = not found.inputs(node) and not node.startswith(("file:", "meta."))
    constant = ""
    if nothing and by == "files":
        constant = " [dim]· set when files are read, or no mapping fills it[/dim]"
    elif nothing:
        constant = " [dim]· a constant[/dim]"
    return f"{text}{note}{step}{constant}"


def _plain(node: str) -> str:
    text = f"rows of {node[:-2]}" if node.endswith(".*") else node
    return text.replace("[", "\\[")


def _influences(found: Lineage, node: str) -> list[str]:
    """One line per reason: the filters, joins and groups between a node and its inputs."""
    by: dict[str, list[str]] = {}
    for one in found.influences.get(node, ()):
        by.setdefault(one.reason, []).append(one.text if len(one.text) <= 90 else one.text[:87] + "…")
    more = {reason: f"; and {len(texts) - 3} more" if len(texts) > 3 else "" for reason, texts in by.items()}
    return [
        f"[dim italic]{reason}: {'; '.join(texts[:3])}{more[reason]}[/]".replace("[(", "\\[(")
        for reason, texts in by.items()
    ]


def _some(columns: list[str]) -> str:
    names = sorted(column.rpartition(".")[2] for column in columns)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _beginning(found: Lineage, node: str) -> str:
    from floorwalker.engines.lineage import table_of

    roots = sorted(found.roots(node))
    files = sorted({table_of(one).removeprefix("file:") for one in roots if one.startswith("file:")})
    if not files:
        return "begins in: " + (", ".join(roots[:6]) or "itself") + "\n"
    columns = sum(one.startswith("file:") for one in roots)
    return f"begins in {columns} columns of files: {', '.join(files)}\n"
