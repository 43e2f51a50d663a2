"""Golden numbers of the cosine and wavelet bases: scipy.fft.dctn(norm="ortho") and pywt.wavedecn(mode="periodization").

Writes transforms.json beside itself. The field is the same everywhere, `u[c] = ((37 c^2 + 11 c) mod 101) / 101 - 1/2`
with c = 0, 1, ... (x fastest). Wavelet coefficients are written coarse to fine: the approximation, then for each scale
the orientations (bit 0: high along x, bit 1: along y, bit 2: along z), each with x fastest.
`python transforms.py` (needs scipy, PyWavelets)
"""

import json
import pathlib
import warnings

import numpy as np
import pywt
import scipy.fft

# Full depth with long filters is meant.
warnings.simplefilter("ignore", UserWarning)

COSINES = [(17, 23, 1), (5, 7, 9), (16, 16, 1), (29, 1, 1)]
WAVELETS = [((32, 1, 1), moments, 5) for moments in range(1, 11)] + [
    ((8, 8, 1), 1, 3),
    ((16, 8, 1), 2, 3),
    ((16, 16, 1), 10, 4),
    ((12, 20, 1), 7, 2),
    ((8, 16, 4), 4, 2),
    ((8, 8, 8), 10, 3),
]


def field(cells):
    c = np.arange(np.prod(cells), dtype=np.int64)
    return (((37 * c * c + 11 * c) % 101) / 101 - 0.5).reshape(cells[::-1])


def wavelet(cells, moments, levels):
    axes = [a for a in (2, 1, 0) if cells[a] > 1]
    u = field(cells).reshape([cells[a] for a in axes])
    approximation, *scales = pywt.wavedecn(u, f"db{moments}", mode="periodization", level=levels)
    out = [approximation.ravel()]
    for scale in scales:
        for orientation in range(1, 2 ** len(axes)):
            # PyWavelets' letters follow the array's axes, slowest first; axes of one cell are the last of x, y, z here.
            key = "".join("d" if orientation >> a & 1 else "a" for a in axes)
            out.append(scale[key].ravel())
    return np.concatenate(out)


if __name__ == "__main__":
    cosines = [{"cells": c, "coefficients": scipy.fft.dctn(field(c), norm="ortho").ravel().tolist()} for c in COSINES]
    wavelets = [
        {"cells": c, "moments": m, "levels": n, "coefficients": wavelet(c, m, n).tolist()} for c, m, n in WAVELETS
    ]
    text = json.dumps({"cosines": cosines, "wavelets": wavelets})
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
