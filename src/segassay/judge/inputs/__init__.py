"""What a judge is given: images and masks as callers have them, as its network sees them."""
