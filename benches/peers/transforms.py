"""Milliseconds of CPU for transforms of one field by scipy and PyWavelets, at the sizes of benches/transforms.rs.

`python transforms.py` (needs scipy, PyWavelets); one thread, the fastest of twenty.
"""

import time
import warnings

import numpy as np
import pywt
import scipy.fft

warnings.simplefilter("ignore", UserWarning)


def fastest(work):
    best = float("inf")
    for _ in range(20):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1e3 * best


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    for shape in [(64, 64), (200, 200), (9, 100, 100), (1000, 1000)]:
        u = rng.standard_normal(shape)
        forward = fastest(lambda: scipy.fft.dctn(u, norm="ortho"))
        print(f"dctn {shape}: {forward:.3f}, back {fastest(lambda: scipy.fft.idctn(u, norm='ortho')):.3f}")
    for shape, moments, levels in [((64, 64), 10, 6), ((200, 200), 10, 3), ((200, 200), 1, 3), ((16, 128, 128), 4, 4)]:
        u = rng.standard_normal(shape)
        wavelet, mode = f"db{moments}", "periodization"
        c = pywt.wavedecn(u, wavelet, mode=mode, level=levels)
        forward = fastest(lambda: pywt.wavedecn(u, wavelet, mode=mode, level=levels))
        back = fastest(lambda: pywt.waverecn(c, wavelet, mode=mode))
        print(f"wavedecn {shape}, {wavelet}: {forward:.3f}, back {back:.3f}")
