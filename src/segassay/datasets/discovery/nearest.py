"""What to say of a folder of no known layout: what it is nearest to, and what it lacks."""

from collections import Counter
from pathlib import Path

from segassay.datasets.discovery.case_places import IMAGES
from segassay.datasets.discovery.folder_roles import holds_files, image_folder
from segassay.datasets.discovery.listing import folders_of, read_json
from segassay.files import filesystem
from segassay.images.formats.registry import SUFFIXES, is_readable
from segassay.types import counted

OPTIONS = "or give both folders as --images DIR --labels DIR"


def nearest_layout(root: Path) -> str:
    """Say in one sentence what a folder lacks to be read, and what to do."""
    return f"{_lack(root)}; {OPTIONS} (all layouts: docs/layouts.md)"


def _lack(root: Path) -> str:
    if not filesystem.is_dir(root):
        return "is neither a folder, an archive nor a table (.csv, .tsv, .jsonl, .parquet)"
    if not any(not filesystem.is_system(path) for path in filesystem.children(root)):
        return "is empty"
    folders = folders_of(root)
    found = (_described(root), _without_labels(image_folder(root)), _by_case(folders))
    return next(filter(None, found), None) or _by_files(root, folders)


def _described(root: Path) -> str:
    if not filesystem.is_file(root / "dataset.json"):
        return ""
    keys = ", ".join(map(repr, list(read_json(root / "dataset.json"))[:5])) or "nothing"
    return f"dataset.json holds {keys}; expected 'channel_names' (nnU-Net) or 'training' (MSD)"


def _without_labels(images: Path | None) -> str:
    if images is None:
        return ""
    if not holds_files(images):
        return f"{images.name}/ holds no image that can be read{_endings(images)}"
    return f"found {images.name}/, but no folder of labels beside it, such as labels/ or masks/"


def _by_case(folders: list[Path]) -> str:
    if any(folder.name.startswith("sub-") for folder in folders):
        return "looks like BIDS, but no file is called *_dseg, *_mask or *_seg (derivatives/ too)"
    images = ((folder, _image_of_case(folder)) for folder in folders)
    folder, image = next((pair for pair in images if pair[1] is not None), (None, None))
    if folder is None:
        return ""
    return f"found {folder.name}/{image}, but no segmentations/ or segmentation.nii.gz beside it"


def _by_files(root: Path, folders: list[Path]) -> str:
    """Tell of the files themselves, in the folder or, where it has none, in those right below."""
    for folder in (root, *folders[:20]):
        found = [path for path in filesystem.children(folder) if is_readable(path)]
        if found:
            where = "" if folder == root else f" in {folder.name}/"
            return (
                f"found {counted(len(found), 'file')} that can be read{where}, such as "
                f"{found[0].name}, but none that is named as the label of another (a_seg, a_mask)"
            )
    first = next((f for f in (root, *folders[:20]) if _endings(f)), root)
    return f"no known layout, and no file that can be read{_endings(first)}"


def _image_of_case(folder: Path) -> str | None:
    names = (path.name for path in filesystem.children(folder) if is_readable(path))
    return next((name for name in names if name.split(".")[0].lower() in IMAGES), None)


def _endings(folder: Path) -> str:
    """Name the endings that are there, and those that are read."""
    there = (
        p
        for p in filesystem.children(folder)
        if not filesystem.is_system(p) and not filesystem.is_dir(p)
    )
    times = Counter("".join(path.suffixes[-2:]).lower() or path.name for path in there)
    if not times:
        return ""
    some = ", ".join(ending for ending, _ in times.most_common(3))
    return f" (it holds {some}; read are {', '.join(SUFFIXES)})"
