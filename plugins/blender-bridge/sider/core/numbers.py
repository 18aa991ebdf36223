# SPDX-License-Identifier: GPL-3.0-or-later
"""NumPy, which Blender's own builds bring along but some distributions package separately."""
from .errors import SiderError


def np():
    """The module. Raises SiderError where it is missing."""
    try:
        import numpy
    except ImportError as error:
        raise SiderError(
            "NUMPY", "this Blender has no NumPy", "Install it for Blender's Python (Debian and Ubuntu: apt install python3-numpy)."
        ) from error
    return numpy
