"""`segassay demo`: the main job on a phantom data set with simulated errors."""

from pathlib import Path

from segassay.cli.option_groups import spread
from segassay.cli.options import JudgeName, Out, TellOptions
from segassay.types import DEFAULT_JUDGE


@spread
def demo(
    *, out: Out = Path("segassay-demo"), judge: JudgeName = DEFAULT_JUDGE, telling: TellOptions
) -> None:
    """Audit phantoms with simulated errors, and say what was found and what was missed."""
    from segassay.cli.console import give, give_json
    from segassay.demo.run_demo import demo_text, run_demo

    result = run_demo(out, judge=judge, progress=telling.progress())
    if telling.as_json:
        give_json(result.to_json())
    else:
        give(*demo_text(result).splitlines())
