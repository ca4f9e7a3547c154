"""Groups of options: one place where they are written, options of every verb that takes them."""

import typer.main
from typer.testing import CliRunner

from segassay.cli.app import app
from segassay.cli.options import RunOptions, SourceOptions
from segassay.cli.spread import spread


def test_a_verb_gets_the_group_and_the_command_its_fields() -> None:
    seen = []
    small = typer.Typer()

    @small.command("try")
    @spread
    def attempt(source: SourceOptions, run: RunOptions, last: int = 3) -> None:
        seen.append((source, run, last))

    words = ["data", "--structure", "liver", "-j", "2", "--only", "a", "--only", "b", "--last", "5"]
    done = CliRunner().invoke(small, words)
    assert done.exit_code == 0, done.output
    ((source, run, last),) = seen
    assert source.dataset is not None
    assert (source.dataset.name, source.structure, source.images) == ("data", "liver", None)
    assert (run.jobs, run.structures, run.quiet, last) == (2, ["a", "b"], False, 5)
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
