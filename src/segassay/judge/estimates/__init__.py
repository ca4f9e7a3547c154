"""From sums over slices to Dice, surface Dice and size of a volume."""
