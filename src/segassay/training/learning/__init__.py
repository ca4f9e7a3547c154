"""The training itself: networks, losses, loop, start and export."""
