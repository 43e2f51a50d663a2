"""The facies of `benches/sisim.rs` with geone: time of a conditional realization, proportions and variograms of an ensemble.

    python benches/peers/sisim.py [--realizations 20]

geone's sequential indicator simulation is a C library; it runs on one thread here, by simple kriging, with a variogram for
each facies. CPU seconds are user + system. Needs `pip install geone`.
"""

import argparse
import importlib.metadata
import resource

import numpy as np
from geone import covModel, geosclassicinterface

SIZES = [(64, 64, 1), (200, 200, 1), (100, 100, 10)]
RANGES = (40.0, 20.0, 5.0)
PROPORTIONS = (0.5, 0.3, 0.2)
LAGS = (1, 5, 20)


def seconds():
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def simulate(cells, neighbours, count, seed, places=None, facies=None):
    """Codes [count, nz, ny, nx]."""
    dimensions = 2 if cells[2] == 1 else 3
    model = covModel.CovModel2D if dimensions == 2 else covModel.CovModel3D
    simulated = geosclassicinterface.simulateIndicator2D if dimensions == 2 else geosclassicinterface.simulateIndicator3D
    variogram = model(elem=[("spherical", {"w": 1.0, "r": list(RANGES[:dimensions])})])
    found = simulated(
        [0, 1, 2],
        [variogram] * 3,
        cells[:dimensions],
        nreal=count,
        probability=list(PROPORTIONS),
        x=places,
        v=facies,
        nneighborMax=neighbours,
        seed=seed,
        nthreads=1,
        verbose=0,
    )
    return found["image"].val


def measured(values):
    return f"{np.mean(values):.4f}±{np.std(values, ddof=1) / len(values) ** 0.5:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realizations", type=int, default=20)
    count = parser.parse_args().realizations
    print(f"geone {importlib.metadata.version('geone')}, numpy {np.__version__}")
    sill = sum(p * (1.0 - p) for p in PROPORTIONS)
    for cells in SIZES:
        nx, ny, nz = cells
        numbers = np.array([int(i * 0.618033988749895 % 1.0 * nx * ny * nz) for i in range(50)])
        places = np.stack([numbers % nx, numbers // nx % ny, numbers // (nx * ny)], axis=1) + 0.5
        places = places[:, : 2 if nz == 1 else 3]
        facies = np.arange(50) % 3
        for neighbours in (12, 24):
            before = seconds()
            drawn = simulate(cells, neighbours, count, 1, places, facies)
            spent = (seconds() - before) / count
            honoured = np.mean(drawn.reshape(count, -1)[:, numbers] == facies)
            free = simulate(cells, neighbours, count, 1001)
            shares = [measured([np.mean(codes == k) for codes in free]) for k in range(3)]
            ratios = []
            for lag in LAGS:
                differ = [np.mean(codes[..., lag:] != codes[..., :-lag]) for codes in free]
                model = sill * (1.5 * lag / 40 - 0.5 * (lag / 40) ** 3)
                # A pair that differs counts one half in the variograms of two facies.
                ratios.append(f"{measured(np.array(differ) / model)} at {lag}")
            print(
                f"{cells}, {neighbours} neighbours: a realization {spent:.4f} CPU s, data honoured {honoured:.3f}; "
                f"proportions {' '.join(shares)}; γ/model {' '.join(ratios)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
