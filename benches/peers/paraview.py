"""model.vti of a result folder, read with VTK's own reader as ParaView reads it, against the folder's npy arrays.

    pip install vtk numpy
    python benches/peers/paraview.py runs/ch5-tomo-1

Every array of the file that the folder also has as npy must have the same values in the same cells, and cell (i, j, k)
must lie where the case's grid puts it. Without VTK it says so and checks nothing (exit code 3).
"""

import sys
import tomllib
from pathlib import Path

import numpy as np

try:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkVersion
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader
except ImportError:
    print("SKIPPED: no VTK to read model.vti with (pip install vtk)")
    sys.exit(3)

LENGTHS = {"m": 1.0, "km": 1e3, "cm": 1e-2, "mm": 1e-3, "ft": 0.3048}


def metres(quantity):
    number, unit = (str(quantity).split() + ["m"])[:2]
    return float(number) * LENGTHS[unit]


def counterpart(name, folder):
    """The npy array that holds the same values, [nz, ny, nx]; None where the folder has none."""
    words = name.split(" [")[0]
    if words.startswith("head of the "):
        kind = words.removeprefix("head of the ")
        path = folder / ("head.npy" if kind == "model" else f"head_{kind}.npy")
        return np.load(path)[-1] if path.exists() else None
    if words.startswith("probability of facies "):
        return np.load(folder / "probability.npy")[int(words.rsplit(" ", 1)[1])]
    path = folder / f"{words}.npy"
    return np.load(path) if path.exists() else None


def main(folder):
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(folder / "model.vti"))
    reader.Update()
    if reader.GetErrorCode():
        sys.exit(f"VTK cannot read it: error {reader.GetErrorCode()}")
    image = reader.GetOutput()
    grid = tomllib.loads((folder / "case.toml").read_text())["grid"]
    cells = (list(grid["cells"]) + [1])[:3]
    size = [metres(s) for s in grid["size"]] + [1.0] * (3 - len(grid["size"]))
    origin = [metres(s) for s in grid.get("origin", [])]
    origin += [0.0] * (3 - len(origin))
    assert [d - 1 for d in image.GetDimensions()] == cells, (image.GetDimensions(), cells)
    section = grid.get("plane") == "xz"
    spacing = [s / n for s, n in zip(size, cells)]
    for i, j, k in {(0, 0, 0), tuple(n - 1 for n in cells), tuple(n // 2 for n in cells)}:
        bounds = np.array(image.GetCell(i + cells[0] * (j + cells[1] * k)).GetBounds()).reshape(3, 2).mean(axis=1)
        a, b, c = (o + (n + 0.5) * s for o, n, s in zip(origin, (i, j, k), spacing))
        expected = (a, c, -b) if section else (a, b, c)
        assert np.allclose(bounds, expected, rtol=1e-12, atol=1e-9), ((i, j, k), bounds, expected)
    data, compared = image.GetCellData(), 0
    for index in range(data.GetNumberOfArrays()):
        name = data.GetArrayName(index)
        values = vtk_to_numpy(data.GetArray(index)).reshape(cells[::-1])
        same = counterpart(name, folder)
        if same is not None:
            assert np.array_equal(values, same, equal_nan=True), name
            compared += 1
        print(f"{name}: {values.dtype}, {np.nanmin(values):.6g} to {np.nanmax(values):.6g}"
              + (", as its npy" if same is not None else ""))
    print(f"VTK {vtkVersion.GetVTKVersion()}: {cells} cells, {data.GetNumberOfArrays()} arrays, {compared} as their npy")


main(Path(sys.argv[1]))
