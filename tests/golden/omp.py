"""Codes of orthogonal matching pursuit by scikit-learn, for the test of ours (src/basis/ksvd/tests.rs).

    python tests/golden/omp.py > tests/golden/omp.json

Atoms (k x m) are rows of unit norm, signals (N x m) rows; `sparse` has at most `sparsity` atoms, `bounded` the fewest that
leave a residual norm of at most `error`. Made with scikit-learn 1.9.1 and numpy 2.4.6.
"""

import json

import numpy as np
from sklearn.linear_model import orthogonal_mp_gram

generator = np.random.default_rng(20)
atoms = generator.standard_normal((37, 13))
atoms[7] = atoms[3] + 0.3 * atoms[7]  # two that are alike
atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
signals = generator.standard_normal((9, 13))
signals[4] = 2.0 * atoms[5] - 0.5 * atoms[30]
sparsity, error = 6, 1.25
gram, products = atoms @ atoms.T, atoms @ signals.T
# Signal 4 is exhausted after two atoms, where scikit-learn goes on with rounding errors: it is left to the bounded codes.
sparse = orthogonal_mp_gram(gram, np.delete(products, 4, axis=1), n_nonzero_coefs=sparsity)
bounded = orthogonal_mp_gram(gram, products, tol=error**2, norms_squared=np.sum(signals**2, axis=1))
print(json.dumps({"sparsity": sparsity, "error": error, "atoms": atoms.tolist(), "signals": signals.tolist(),
                  "sparse": sparse.T.tolist(), "bounded": bounded.T.tolist()}))
