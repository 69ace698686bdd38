"""Runs a list of commands from a file. The narrated tour is such a file."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from bankapp.client import steps
from bankapp.client.app import Command
from bankapp.client.client import Client, pass_client
from bankapp.client.errors import ClientError, ExpectationFailed, Refused
from bankapp.client.output import Document
from bankapp.client.steps import Results, Step
from bankapp.client.store import Store

TOUR: Final = Path(__file__).parents[1] / "tour.yaml"
_NOT_IN_A_FILE: Final = frozenset({"run", "demo", "completion"})


@click.command(cls=Command, examples=["run docs/example-run.yaml", "run smoke.json --set email=ada@example.com --json"])
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set a value that steps use as ${NAME}.")
@click.pass_context
def run(ctx: click.Context, file: Path, sets: tuple[str, ...]) -> Document:
    """Run the commands in FILE, a list of steps in YAML or JSON.

    A step can use the results of earlier steps. Missing values are asked for. docs/client.md describes
    the format.
    """
    known: dict[str, str] = {"unique": secrets.token_hex(4)}
    for item in sets:
        name, equals, value = item.partition("=")
        if not equals:
            raise click.UsageError("--set takes NAME=VALUE.")
        known[name] = value
    return _Run(ctx, ctx.ensure_object(Client), known, pause=False).all(steps.load(file))


@click.command(cls=Command, examples=["demo", "demo --pause", "demo --url https://bank.example"])
@click.option("--pause", is_flag=True, help="Wait for Enter after each step.")
@click.pass_context
@pass_client
def demo(client: Client, ctx: click.Context, pause: bool) -> Document:
    """Take a narrated tour of the whole product, with two new customers.

    It needs a running server and does not touch your own sign-ins.
    """
    url = client.session.bank.url
    with tempfile.TemporaryDirectory(prefix="bankapp-demo-") as folder:
        guide = Client(Store(Path(folder)))
        guide.given_url, guide.timeout_seconds, guide.out = url, client.timeout_seconds, client.out
        known = {"unique": secrets.token_hex(4), "password": secrets.token_urlsafe(12), "folder": folder, "url": url}
        return _Run(ctx, guide, known, pause=pause).all(steps.load(TOUR))


class _Run:
    """One run of a list of steps."""

    def __init__(self, ctx: click.Context, client: Client, known: dict[str, str], *, pause: bool) -> None:
        self._ctx = ctx
        self._client = client
        self._pause = pause
        self._results = Results(None, known)

    def all(self, found: list[Step]) -> Document:
        """Run the steps in order. The first step with an unexpected outcome ends the run."""
        commands = {step.number: self._command(step) for step in found if step.do}
        outcomes = []
        for step in found:
            if step.say:
                self._client.out.say(self._results.fill(step.say))
            if step.do:
                outcomes.append({"step": step.number, "do": " ".join(step.do), "result": self._one(step, commands)})
        return self._client.out.done(f"Done: {len(outcomes)} steps.", {"items": outcomes})

    def _command(self, step: Step) -> click.Command:
        found: click.Command | None = self._ctx.find_root().command
        for word in step.do:
            found = found.commands.get(word) if isinstance(found, click.Group) else None
        if found is None or isinstance(found, click.Group) or step.do[0] in _NOT_IN_A_FILE:
            raise click.UsageError(f"Step {step.number}: there is no command {' '.join(step.do)!r} for run files.")
        return found

    def _one(self, step: Step, commands: dict[int, click.Command]) -> Any:
        client = self._client.as_profile(step.profile or self._client.profile_name)
        self._results.currencies = client.currencies
        try:
            result = self._carry_out(step, client, commands[step.number])
        except ClientError as problem:
            if step.refused is None or not isinstance(problem, Refused) or problem.reason != step.refused:
                client.out.warn(f"Step {step.number} ({' '.join(step.do)}) failed:")
                raise
            client.out.refusal(problem)
            result = problem.document()
        else:
            if step.refused is not None:
                raise ExpectationFailed(f"Step {step.number} should have been refused ({step.refused}), but succeeded.")
        self._check(step, result)
        if step.name:
            self._results.add(step.name, result)
        if self._pause:
            click.pause("  [Enter]", err=True)
        return result

    def _carry_out(self, step: Step, client: Client, command: click.Command) -> Any:
        filled = {name: self._results.fill(str(value or "")) for name, value in step.given.items()}
        # Not passed as an option, because the options of a step are printed.
        client.password = filled.pop("password", None) or client.password
        name = " ".join(step.do)
        values, options = steps.arguments(command, filled, f"Step {step.number}, {name}")
        client.out.step(shlex.join([*step.do, *values, *options]), step.profile)
        if any(isinstance(parameter, click.Option) and "--yes" in parameter.opts for parameter in command.params):
            options.append("--yes")
        line = [*options, "--", *values]
        with client.out.quietly(), command.make_context(name, line, parent=self._ctx, obj=client) as inner:
            return command.invoke(inner)

    def _check(self, step: Step, result: Any) -> None:
        for path, expected in step.expected.items():
            found = self._results.text_of(result, path)
            if found != self._results.fill(str(expected)):
                raise ExpectationFailed(f"Step {step.number} ({' '.join(step.do)}): {path} is {found}, not {expected}.")
