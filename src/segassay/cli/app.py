"""The application: its verbs, and how every error ends it."""

import errno
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from segassay import __version__
from segassay.cli import (
    audit,
    check,
    demo,
    evaluate,
    fit,
    fix,
    info,
    models,
    pairs,
    predict,
    score,
    synthesize,
    weak,
)
from segassay.cli.console import give, lead_nowhere, prepare_streams, tell, tell_some
from segassay.cli.results import bias, compare, report, select
from segassay.cli.train.verbs import app as train
from segassay.cli.typed import typing
from segassay.errors import OutputError, SegassayError, UsageError
from segassay.files.visible_names import log_visibly
from segassay.types import ExitCode

app = typer.Typer(
    name="segassay",
    help="Tells how good every label of a segmentation data set is, without ground truth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
app.command("info")(info.info)
app.command("check")(check.check)
app.command("fix")(fix.fix)
app.command("score")(score.score)
app.command("audit")(audit.audit)
app.command("report")(report.report)
app.command("pairs")(pairs.pairs)
app.command("predict")(predict.predict)
app.command("synthesize")(synthesize.synthesize)
app.command("weak")(weak.weak)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("bias")(bias.bias)
app.command("select")(select.select)
app.command("fit")(fit.fit)
app.command("learn")(fit.learn)
app.command("calibrate")(fit.calibrate)
app.command("demo")(demo.demo)
app.add_typer(train, name="train")
app.add_typer(models.app, name="models")


_CONTINUES = "re-run the same command to resume"

_REFUSALS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EISDIR,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What a system refuses for a reason that lies in the user's disk, folders or rights."""

_BEGIN_ANEW = frozenset({"fit", "learn", "calibrate"})
"""Commands that write all or nothing."""


def _version(asked: bool) -> None:
    if asked:
        give(f"segassay {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a documented code; tracebacks are for our own bugs."""
    words = sys.argv[1:] if argv is None else list(argv)
    prepare_streams()
    log_visibly()
    try:
        with typing(words):
            code = app(args=words, standalone_mode=False)
        status = int(code) if isinstance(code, int) else int(ExitCode.DONE)
        if status == ExitCode.INTERRUPTED:  # how some versions of typer pass an interruption on
            status = _interrupted(words)
    except SegassayError as error:
        status = _fail(str(error), type(error).exit_code)
    except (KeyboardInterrupt, typer.Abort):
        status = _interrupted(words)
    except BrokenPipeError:
        lead_nowhere(sys.stdout)
        status = int(ExitCode.DONE)
    except Exception as error:
        status = _explained(error)
    sys.exit(status)


def _explained(error: Exception) -> int:
    """Explain what the caller can mend; of anything else, a bug of ours, show the traceback."""
    from pydantic import ValidationError

    if isinstance(error, OSError) and error.errno in _REFUSALS:
        if error.filename is None:  # help that could not be printed
            lead_nowhere(sys.stdout)
        where = "output" if error.filename is None else error.filename
        return _fail(f"{where}: {error.strerror}", OutputError.exit_code)
    # Typer has its own copy of click in some versions, so its errors are known by what they can do.
    explain = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        tell_some(str(explain and explain()).splitlines(), most=None)
        return int(ExitCode.USAGE)
    if explain is not None:
        return _fail(f"{explain()} See segassay --help", int(ExitCode.USAGE))
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "options"
        reason = first["msg"].removeprefix("Value error, ")
        return _fail(f"{where}: {reason}", UsageError.exit_code)
    lines = "".join(traceback.format_exception(error)).splitlines()
    tell_some([f"  {line}" for line in lines], most=None)
    return _fail(
        "this is a bug of segassay, please report it with the lines above",
        int(ExitCode.UNEXPECTED),
    )


def _interrupted(words: Sequence[str]) -> int:
    anew = bool(words) and words[0] in _BEGIN_ANEW
    advice = "nothing was written; the same command starts over" if anew else _CONTINUES
    return _fail(f"interrupted; {advice}", int(ExitCode.INTERRUPTED))


def _fail(message: str, code: int) -> int:
    tell(f"segassay: {' '.join(message.split())}")
    return code
