"""Faulty masks with known true Dice, from expert masks: what the judge learns from.

`families.FAULTS` lists the families for slices, `volume_faults.VOLUME_FAULTS` those that go through
the slices. A family is a pure function of a scene, a target Dice and a random generator; most of
them solve for the strength that gives the target, so that faults are spread evenly from hopeless to
nearly right.
"""
