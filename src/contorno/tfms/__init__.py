"""Transforms: from a record and its image to a sample, by albumentations.

    train = tfms.A.Adapter([*tfms.A.aug_tfms(size=384, presize=512), tfms.A.Normalize()])
    valid = tfms.A.Adapter([*tfms.A.resize_and_pad(384), tfms.A.Normalize()])

`A` holds the presets and `Adapter`, and any name of albumentations besides: `tfms.A.HorizontalFlip(p=0.5)`. This
package is the one door to albumentations.
"""

from contorno.tfms import presets as A

__all__ = ["A"]
