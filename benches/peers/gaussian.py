"""The fields of `benches/gaussian.rs` with gstools: time of a conditional realization, and the variogram of an ensemble.

    python benches/peers/gaussian.py [--realizations 20]

gstools draws a field as a sum of 1000 random waves and conditions it by simple kriging of all data, in one process. CPU
seconds are user + system. Needs `pip install gstools`.
"""

import argparse
import importlib.metadata
import time

import gstools
import numpy as np

SIZES = [(100, 100, 1), (200, 200, 1), (100, 100, 10)]
RANGES = (40.0, 20.0, 5.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realizations", type=int, default=20)
    count = parser.parse_args().realizations
    print(f"gstools {importlib.metadata.version('gstools')}, numpy {np.__version__}")
    for nx, ny, nz in SIZES:
        dimensions = 2 if nz == 1 else 3
        axes = [np.arange(n) + 0.5 for n in (nx, ny, nz)][:dimensions]
        model = gstools.Spherical(dim=dimensions, var=1.0, len_scale=RANGES[:dimensions])
        cells = [int(i * 0.618033988749895 % 1.0 * nx * ny * nz) for i in range(50)]
        places = [[c % nx + 0.5 for c in cells], [c // nx % ny + 0.5 for c in cells], [c // (nx * ny) + 0.5 for c in cells]]
        kriging = gstools.krige.Simple(model, places[:dimensions], [i % 5 - 2.0 for i in range(50)], mean=0.0)
        conditioned = gstools.CondSRF(kriging)
        conditioned.set_pos(axes, "structured")
        start = time.process_time()
        for k in range(count):
            conditioned(seed=k)
        seconds = (time.process_time() - start) / count
        free = gstools.SRF(model, mean=0.0)
        ratios = {lag: [] for lag in (1, 5, 20)}
        for k in range(count):
            field = np.asarray(free.structured(axes, seed=1000 + k))
            for lag, values in ratios.items():
                values.append(0.5 * np.mean((field[lag:] - field[:-lag]) ** 2) / (1.5 * lag / 40 - 0.5 * (lag / 40) ** 3))
        shown = " ".join(f"{np.mean(v):.4f}±{np.std(v, ddof=1) / count**0.5:.4f} at {lag}" for lag, v in ratios.items())
        print(f"{(nx, ny, nz)}: a realization {seconds:.4f} CPU s; γ/model {shown}", flush=True)


if __name__ == "__main__":
    main()
