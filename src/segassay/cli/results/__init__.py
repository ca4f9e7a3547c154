"""Commands that read result folders alone: no image, no judge."""
