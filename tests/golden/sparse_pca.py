"""Golden numbers of sPCA-rSVD (Shen & Huang 2008), computed with R itself and full singular value decompositions.

Writes sparse_pca.json beside itself: coefficients V (k x L) of a few hidden groups and noise, the settings, and for each
setting the supports, loadings and sizes of the components and the energy that they explain. `python sparse_pca.py`
"""

import json
import pathlib

import numpy as np

K, L = 30, 80


def coefficients():
    rng = np.random.default_rng(20080704)
    v = 0.15 * rng.standard_normal((K, L))
    v[0] += 6.0 + 0.3 * rng.standard_normal(L)  # one large coefficient, as the mean in a cosine basis
    for start, size, strength in [(1, 6, 2.0), (5, 7, 1.4), (14, 4, 1.0), (20, 5, 0.7)]:
        loadings = rng.uniform(0.4, 1.0, size) * rng.choice([-1, 1], size)
        v[start : start + size] += strength * np.outer(loadings, rng.standard_normal(L))
    return np.round(v, 4)


def component(r, t):
    u, s, wt = np.linalg.svd(r, full_matrices=False)
    w = wt[0]
    for _ in range(20000):
        z = r @ w
        z /= np.linalg.norm(z)
        q = r.T @ z
        shrunk = np.sign(q) * np.maximum(np.abs(q) - t * np.abs(q).max(), 0.0)
        new = shrunk / np.linalg.norm(shrunk)
        done = np.linalg.norm(new - w) < 1e-12
        w = new
        if done:
            break
    return z, shrunk


def sparse_pca(v, groups, t):
    r = v.T.copy()
    total = np.sum(r**2)
    out = []
    for _ in range(groups):
        z, shrunk = component(r, t)
        r -= np.outer(z, shrunk)
        rho = np.linalg.norm(shrunk)
        w = shrunk / rho
        w *= np.sign(w[np.argmax(np.abs(w))])
        support = np.flatnonzero(w)
        out.append(
            {
                "columns": support.tolist(),
                "loadings": [float(f"{x:.12g}") for x in w[support]],
                "size": float(f"{rho:.12g}"),
            }
        )
    return {"threshold": t, "components": out, "explained": float(1 - np.sum(r**2) / total)}


if __name__ == "__main__":
    v = coefficients()
    runs = [sparse_pca(v, 12, t) for t in (0.1, 0.3, 0.6)]
    text = json.dumps({"coefficients": v.tolist(), "runs": runs})
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
