"""The card of a judge that was fitted, taught or calibrated by somebody's labels."""

from segassay.judge.calibration.trust import FEWEST_SUBJECTS, Trust
from segassay.judge.documents.description import (
    Adaptation,
    Benefit,
    ContextKept,
    Figures,
    MeasuredOn,
)
from segassay.types import counted

_MEASURES = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "mae": "mean absolute error",
    "interval_coverage": "90 % intervals that hold",
    "interval_width": "their mean width",
}

_VERBS = {
    "fit": "fitted to",
    "calibrate": "calibrated to",
    "learn": "taught by the labels of",
}


def gold_card(model_id: str, gold: Adaptation, earlier: str) -> str:
    """Return the card; `earlier` is that of the judge it was made from, whose terms hold on."""
    verb = _VERBS[gold.by]
    return f"""# {model_id}

{gold.base}, {verb} {gold.source}. For research. Not a medical device. {_network(gold)}

## How well it does on these labels

{_trusted(gold)}

{_sentence(benefit_line(gold))}

{_table(gold)}

{_correction(gold)}

## Where it was tested

{_structures(gold)}

## Card of {gold.base}

{earlier}"""


def comparison(gold: Adaptation) -> list[str]:
    """Return one line for each main figure: unadapted, light where there is both, and fitted."""
    return [f"{words}: {_cell(gold, key)}" for key, words in _MEASURES.items()]


def network_line(gold: Adaptation) -> str:
    """Say whether a network that learned on was better, in one line; empty without `--full`."""
    full = gold.full
    if full is None:
        return ""
    error = full.mae
    told = f"On the {counted(full.held_out, 'subject')} held out the mean absolute error was "
    told += f"{error['unadapted']:.3f} unadapted, {error['light']:.3f} with a light fit, "
    told += f"{error['full']:.3f} by the adapted network: "
    return told + ("it stays." if full.kept else "no better beyond noise.")


def benefit_line(gold: Adaptation) -> str:
    """Say whether the new judge is better than its base; empty after `learn`."""
    base = gold.base.rsplit("-", 2)[0]  # without date and checksum
    return {
        None: "",
        Benefit.BETTER: f"better than {base} on subjects left out of the fit",
        Benefit.NO_BETTER: f"no better than {base} on subjects left out of the fit: keep {base}",
        Benefit.NOT_TESTED: f"whether it is better than {base} could not be tested: it takes "
        "labels of more subjects",
    }[gold.benefit]


def _trusted(gold: Adaptation) -> str:
    on = "the user's own predictions" if gold.on is MeasuredOn.OWN else gold.on
    subjects = counted(gold.subjects, "subject")
    text = f"Measured on {on}, {gold.unadapted['n']} masks of "
    text += f"{_subjects(gold.unadapted)}; each subject was left out of the fit that "
    text += "judged it. The figures in brackets are 95 % intervals, resampled by subject."
    if Trust.of(gold).limits:
        text += f"\n\n**No guarantee**: {subjects} could be tested, {FEWEST_SUBJECTS} are needed "
        text += "before a 90 % interval says anything."
    if gold.on is not MeasuredOn.OWN:
        text += "\nErrors of real networks may be harder to see than these faults: measure on "
        text += "your own predictions with "
        text += "`segassay evaluate`." if gold.by == "learn" else "`--pairs`."
    return text


def _sentence(text: str) -> str:
    return f"**{text[0].upper()}{text[1:]}.**" if text else ""


def _network(gold: Adaptation) -> str:
    base = gold.base
    terms = f"What the network learned before stands in the card of {base} below, whose terms hold "
    terms += f"on. The terms of {gold.source} were not told to segassay: they hold, too."
    if gold.by == "learn":
        return f"{_taught(gold)} {terms}"
    full = gold.full
    if full is None:
        return terms
    told = f"{full.minutes:g} minutes on {counted(full.learned_from, 'subject')}"
    if full.kept:
        return (
            f"The network learned on for {told}. {network_line(gold)} The figures below are on "
            f"labels of subjects that it did not learn from. {terms}"
        )
    return f"{terms} It learned on for {told}, which was undone. {network_line(gold)}"


def _taught(gold: Adaptation) -> str:
    text = "**Nobody vouches for these labels.** Two networks learned half of the subjects each, "
    text += f"for {gold.minutes or 0:g} minutes, and judge the other half: a label unlike what "
    text += "most labels show is likely wrong, and what most of them get wrong alike was learned."
    if gold.known_before:
        text += f" {gold.known_before} of the images had taught {gold.base} already: there "
        text += "the figures promise too much."
    return text


def _table(gold: Adaptation) -> str:
    names = [name for name, _ in _columns(gold)]
    lines = [f"| | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
    for key, words in _MEASURES.items():
        cells = [_figure(figures, key) for _, figures in _columns(gold)]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(gold: Adaptation, key: str) -> str:
    return " -> ".join(_figure(figures, key) for _, figures in _columns(gold))


def _columns(gold: Adaptation) -> list[tuple[str, Figures | None]]:
    """Return what stands side by side, all on the same labels."""
    light = [] if gold.light is None else [("light fit", gold.light)]
    return [("unadapted", gold.unadapted), *light, ("this judge", gold.fitted)]


def _figure(figures: Figures | None, key: str) -> str:
    value = None if figures is None else figures[key]
    if figures is None or value is None or isinstance(value, tuple):
        return "n/a"
    ends = figures.get(f"{key}_ci")
    text = f"{value:.3f}"
    return f"{text} ({ends[0]:.3f} to {ends[1]:.3f})" if isinstance(ends, tuple) else text


def _subjects(figures: Figures) -> str:
    n = figures["subjects"]
    return counted(n, "subject") if isinstance(n, int) else "n/a"


def _correction(gold: Adaptation) -> str:
    if gold.by != "fit":
        return "Expected Dice and interval follow from raw score and doubt, calibrated anew."
    if gold.context is not None:
        return _in_context(gold, gold.context)
    if gold.corrected:
        text = "The raw score is corrected by ridge regression on embeddings, doubt, size and how "
        text += "unusual a label's size, place, form, brightness and border are beside the trusted "
        text += "ones (`typical.json`: centres and spreads, no image)"
        n_cases = gold.compared_with
        if not n_cases:
            return f"{text}."
        return (
            f"{text}, and on how labels compare with {n_cases} trusted cases that images are laid "
            f"over. **This folder holds the reduced images and labels of these {n_cases} cases**: "
            "pass it on only where they may go."
        )
    return "No correction of the raw score helped beyond noise, so only the calibration is new."


def _in_context(gold: Adaptation, kept: ContextKept) -> str:
    text = f"Labels are judged in the context of {counted(kept.subjects, 'reference subject')}: "
    text += "patches of an image ask patches that look like them what the label covers there. "
    if gold.corrected:
        text += "The score is then corrected by ridge regression on embeddings, doubt, size and "
        text += "how far the label agrees with the context. "
    else:
        text += "No correction of the score helped beyond noise, so only the calibration is new. "
    text += f"For this the folder holds, in `context.npz`, features of {kept.slices} slices "
    text += (
        f"({kept.features} numbers for each patch of a grid of 32 by 32) and what share of each "
    )
    text += "patch their labels cover. **Shapes of labels can be seen in it, and what an image "
    text += "roughly looks like can be guessed from it**"
    if kept.named:
        return f"{text}, and it names the subjects: pass it on only where they may go."
    return f"{text}; it holds no image and no name of a subject."


def _structures(gold: Adaptation) -> str:
    if not gold.evidence:
        return "On no structure: the labels were too few, or of one subject."
    rows = [f"| {n} | {c.labels} | {c.subjects} |" for n, c in gold.evidence.items()]
    intervals = "Intervals are made of all structures together."
    return "\n".join(["| structure | masks | subjects |", "|---|---|---|", *rows, "", intervals])
