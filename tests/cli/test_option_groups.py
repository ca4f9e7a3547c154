"""Groups of options: one place where they are written, options of every verb that takes them."""

from collections import defaultdict

import typer.main
from typer.testing import CliRunner

from segassay.cli.app import app
from segassay.cli.option_groups import spread
from segassay.cli.options import CaseOptions, RunOptions, SourceOptions


def test_a_verb_gets_the_group_and_the_command_its_fields() -> None:
    seen = []
    small = typer.Typer()

    @small.command("try")
    @spread
    def attempt(
        *, source: SourceOptions, cases: CaseOptions, run: RunOptions, last: int = 3
    ) -> None:
        seen.append((source, cases, run, last))

    words = ["data", "--structure", "liver", "-j", "2", "--only", "a", "--only", "b", "--last", "5"]
    done = CliRunner().invoke(small, words)
    assert done.exit_code == 0, done.output
    ((source, cases, run, last),) = seen
    assert source.dataset is not None
    assert (source.dataset.name, source.structure, source.images) == ("data", "liver", None)
    assert (run.jobs, cases.structures, cases.overwrite, last) == (2, ["a", "b"], False, 5)
    assert CliRunner().invoke(small, ["--nonsense"]).exit_code == 2


def test_audit_offers_all_that_check_offers() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {
        verb: {name for p in commands[verb].params for name in p.opts}
        for verb in ("audit", "check")
    }
    assert options["check"] < options["audit"]
    assert {"--images", "--subject-regex", "--only", "-j", "--fail-on"} <= options["check"]
    assert options["audit"] - options["check"] >= {"--judge", "--part-id"}


def test_an_option_says_the_same_in_every_verb() -> None:
    """Only where results go, and what is counted, differs from verb to verb."""
    said = defaultdict(set)
    for verb in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        for command in getattr(verb, "commands", {"": verb}).values():
            for option in command.params:
                said[option.opts[0]].add((tuple(option.opts), option.help, option.metavar))
    differing = {name for name, texts in said.items() if len(texts) > 1}
    assert differing == {"--out", "--limit"}
    assert len(said) > 30
