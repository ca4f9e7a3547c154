"""The checks of files, label files and images, with their cards."""

from segassay.checks.base import Check, FileView, ImageView
from segassay.checks.file_rules import channels, header, image, pictures, storage, values
from segassay.types import Severity

FILE_CHECKS: dict[str, Check[FileView]] = {
    "grid_mismatch": Check(
        storage.grid_mismatch,
        "a label on another grid than its image: shape, spacing, origin, direction",
        "a wrong header that image and label share",
        Severity.ERROR,
        "largest distance of matching corners: from 0.001 voxel info, 0.1 warning, 0.5 error; "
        "other shape error",
    ),
    "label_values": Check(
        values.label_values,
        "fractional or undeclared values, several values in a mask of one structure, no structure",
        "two structures whose values are exchanged",
        Severity.ERROR,
        "farther than 0.001 from a whole number, or not declared: error; several, or none: warning",
    ),
    "mask_coding": Check(
        values.mask_coding,
        "a mask of 0 and 255 (or another number) where 0 and 1 are meant",
        "pictures of one structure, where 255 is usual",
        Severity.WARNING,
        "one value other than 1: warning where only 1 is declared, info in a NIfTI mask",
    ),
    "lossy_label": Check(
        pictures.lossy_label,
        "a mask stored as a grey picture: as JPEG, or with a soft rim; it is cut at half",
        "a soft mask beside other structures; how far the outline moved",
        Severity.WARNING,
        "a JPEG of more than 2 values without a plateau between; other pictures from 5 values, up "
        "to at least 128, where fewer pixels lie between than in the mask",
    ),
    "label_exif": Check(
        pictures.label_exif,
        "a label picture with an EXIF orientation, or drawn on its image's stored pixels",
        "square pictures, where no shape tells",
        Severity.WARNING,
        "orientation 2 to 8 in the label, or in its image where only so the shapes agree",
    ),
    "interpolated_values": Check(
        values.interpolated_values,
        "a label map resampled as an image: rims of other structures' values",
        "files of one value; hardly those of 1 and 2, and maps made smaller",
        Severity.ERROR,
        "along an axis, from 45 % of the steps of more than 1 (200 at least) over a value between",
    ),
    "float_storage": Check(
        header.float_storage,
        "whole numbers stored as floats",
        "formats other than NIfTI",
        Severity.INFO,
        "float on disk, all values within 0.001 of a whole number",
    ),
    "scaled_values": Check(
        header.scaled_values,
        "label values stored with a scale factor or an offset",
        "formats other than NIfTI",
        Severity.WARNING,
        "slope other than 1 or intercept other than 0 in the header",
    ),
    "header_forms": Check(
        header.header_forms,
        "a label header whose sform and qform disagree",
        "headers with one form only; which of the two is right",
        Severity.WARNING,
        "both stated, corners farther apart than 0.1 voxel",
    ),
    "axis_order": Check(
        header.axis_order,
        "label axes stored in another order or direction than the image's, in the same place",
        "formats other than NIfTI",
        Severity.WARNING,
        "other axis codes than the image's",
    ),
}

IMAGE_CHECKS: dict[str, Check[ImageView]] = {
    "channels": Check(
        channels.channels,
        "further channels that cannot be read, hold NaN, or lie on another grid than the first",
        "channels that lie on one grid and show different moments or people",
        Severity.ERROR,
        "unreadable, other shape, or corners 0.5 voxel apart: error; from 0.1 voxel: warning",
    ),
    "image_header": Check(
        image.image_header,
        "an image whose sform and qform disagree, that states no orientation (Analyze), or whose "
        "axes are sheared (gantry tilt)",
        "a wrong header in one form",
        Severity.WARNING,
        "corners farther apart than 0.1 voxel; axes off the right angle by a cosine over 0.001, "
        "over 0.000095 where no qform is set",
    ),
    "exif_orientation": Check(
        pictures.exif_orientation,
        "a picture whose EXIF data say how to turn it: read upright; programs differ",
        "pictures turned before they were saved",
        Severity.WARNING,
        "orientation 2 to 8; says whether the shape tells that masks were drawn upright",
    ),
    "ct_values": Check(
        image.ct_values,
        "CT values that are no HU: wrapped, rescaled twice or not at all, cut to a window",
        "images not declared as CT; a small offset",
        Severity.ERROR,
        "over 30000 without negatives: error; 0 to 1, from 0 to over 900, or below -2000 without "
        "air at -1000: warning; 0 to 255: info",
    ),
    "blank_slices": Check(
        image.blank_slices,
        "slices, or whole images, of one value",
        "slices of noise",
        Severity.ERROR,
        "the whole image: error; slices between others: warning; at the ends: info",
    ),
    "few_levels": Check(
        image.few_levels,
        "an image whose grey values were crushed to a handful, as by a conversion",
        "a window cut too narrow",
        Severity.WARNING,
        "fewer than 32 different values",
    ),
}
