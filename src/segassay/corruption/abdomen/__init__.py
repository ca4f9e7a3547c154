"""Simulated CT of the abdomen: one anatomy, bent anew for every subject, as a scanner shows it.

For the demo, where real patients must not be; never used to train a judge. `subject.make_subject`
makes an image with its exact labels. Below it: `fields` (smooth random fields), `space` (where a
voxel lies in the common anatomy), `shapes` (distances to ellipsoids and tubes), `painting` (shapes
over shapes, with partial volume), `torso`, `vessels`, `bowel` and `organs` (what is painted),
`enhancement` (Hounsfield units at a time after the injection) and `scanner` (blur, noise, shading).

Millimetres everywhere, RAS+: x to the patient's right, y to the front, z to the head. The origin
of the anatomy is the middle of the body in front of the spine, at the height of the kidneys' hilum.
"""
