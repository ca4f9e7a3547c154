"""From raw to calibrated scores with intervals, and on what that rests."""
