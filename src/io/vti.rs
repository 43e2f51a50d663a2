//! VTK's XML image data, for ParaView: one value a cell, several named arrays.
//!
//! `WholeExtent` counts points, one more than cells; the origin is the corner of the first cell; x is fastest. A section
//! (`Plane::Xz`) is placed upright: its second axis, depth, runs along −z.

use std::io::Write;

use base64::Engine;

use crate::grid::{Grid, Plane};

/// The numbers of one array, in the order of the grid's cells.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Real numbers.
    F64(&'a [f64]),
    /// Real numbers of single precision.
    F32(&'a [f32]),
    /// Facies codes.
    U8(&'a [u8]),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::F64(_) => "Float64",
            Self::F32(_) => "Float32",
            Self::U8(_) => "UInt8",
        }
    }

    fn little_endian(&self) -> Vec<u8> {
        match self {
            Self::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::U8(values) => values.to_vec(),
        }
    }

    fn text(&self) -> String {
        fn joined<T: ToString>(values: &[T]) -> String {
            values.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
        }
        match self {
            Self::F64(values) => joined(values),
            Self::F32(values) => joined(values),
            Self::U8(values) => joined(values),
        }
    }
}

/// One named array, e.g. `"slowness [ms/m]"`: the unit belongs to the name.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// Name with unit.
    pub name: &'a str,
    /// One value a cell.
    pub values: Values<'a>,
}

/// How the numbers stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// base64 of little-endian numbers after their length in bytes: exact and short.
    #[default]
    Base64,
    /// Decimal text.
    Ascii,
}

/// Writes arrays on a grid.
///
/// # Errors
/// What the writer says.
pub fn write(mut to: impl Write, grid: &Grid, arrays: &[Array], encoding: Encoding) -> std::io::Result<()> {
    let [nx, ny, nz] = grid.cells;
    let extent = format!("0 {nx} 0 {ny} 0 {nz}");
    let [ox, oy, oz] = grid.origin;
    let (origin, direction) = match grid.plane {
        Plane::Xy => ([ox, oy, oz], "1 0 0 0 1 0 0 0 1"),
        // Columns are where the axes point: x to x, depth to −z, thickness to y.
        Plane::Xz => ([ox, oz, -oy], "1 0 0 0 0 1 0 -1 0"),
    };
    writeln!(to, r#"<?xml version="1.0"?>"#)?;
    writeln!(to, r#"<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">"#)?;
    writeln!(
        to,
        r#"  <ImageData WholeExtent="{extent}" Origin="{}" Spacing="{}" Direction="{direction}">"#,
        joined(origin),
        joined(grid.spacing)
    )?;
    writeln!(to, r#"    <Piece Extent="{extent}">"#)?;
    writeln!(to, "      <CellData>")?;
    for array in arrays {
        write_array(&mut to, grid, array, encoding)?;
    }
    writeln!(to, "      </CellData>\n    </Piece>\n  </ImageData>\n</VTKFile>")
}

fn write_array(to: &mut impl Write, grid: &Grid, array: &Array, encoding: Encoding) -> std::io::Result<()> {
    assert_eq!(array.values.len(), grid.len(), "values of \"{}\", one a cell", array.name);
    let format = if encoding == Encoding::Base64 { "binary" } else { "ascii" };
    let (kind, name) = (array.values.kind(), escaped(array.name));
    writeln!(to, r#"        <DataArray type="{kind}" Name="{name}" format="{format}">"#)?;
    match encoding {
        Encoding::Ascii => writeln!(to, "{}", array.values.text())?,
        Encoding::Base64 => {
            let data = array.values.little_endian();
            let mut bytes = (data.len() as u64).to_le_bytes().to_vec();
            bytes.extend(data);
            writeln!(to, "{}", base64::engine::general_purpose::STANDARD.encode(bytes))?;
        }
    }
    writeln!(to, "        </DataArray>")
}

fn joined([a, b, c]: [f64; 3]) -> String {
    format!("{a} {b} {c}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::asymmetric;
    use super::*;

    fn written(grid: &Grid, arrays: &[Array], encoding: Encoding) -> String {
        let mut file = Vec::new();
        write(&mut file, grid, arrays, encoding).expect("memory takes all");
        String::from_utf8(file).expect("text")
    }

    /// Golden text of a small grid. Files of the 3 × 4 × 5 array of the next test, made by the same writer in both
    /// encodings and for both planes, were read once with VTK 9.7.2's own `vtkXMLImageDataReader`: cell (i, j, k) had
    /// the value 100 k + 10 j + i and lay where `Grid::center` says (a section's at (x, thickness, −depth)).
    #[test]
    fn the_text_is_as_it_was_when_vtk_read_it() {
        let grid = Grid { cells: [2, 1, 1], spacing: [0.5, 2.0, 3.0], origin: [-1.0, 20.0, 30.0], plane: Plane::Xy };
        let values = [1.5, -2.0];
        let arrays = [
            Array { name: "slowness [ms/m]", values: Values::F64(&values) },
            Array { name: "p(\"<1>\")", values: Values::U8(&[0, 1]) },
        ];
        let expected = r#"<?xml version="1.0"?>
<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">
  <ImageData WholeExtent="0 2 0 1 0 1" Origin="-1 20 30" Spacing="0.5 2 3" Direction="1 0 0 0 1 0 0 0 1">
    <Piece Extent="0 2 0 1 0 1">
      <CellData>
        <DataArray type="Float64" Name="slowness [ms/m]" format="ascii">
1.5 -2
        </DataArray>
        <DataArray type="UInt8" Name="p(&quot;&lt;1&gt;&quot;)" format="ascii">
0 1
        </DataArray>
      </CellData>
    </Piece>
  </ImageData>
</VTKFile>
"#;
        assert_eq!(written(&grid, &arrays, Encoding::Ascii), expected);
        let base64 = written(&grid, &arrays, Encoding::Base64);
        assert!(base64.contains("\nEAAAAAAAAAAAAAAAAAD4PwAAAAAAAADA\n"), "16, 1.5, -2 as u64, f64, f64: {base64}");
        assert!(base64.contains("\nAgAAAAAAAAAAAQ==\n"), "2, 0, 1 as u64, u8, u8: {base64}");
    }

    #[test]
    fn cells_follow_x_first_and_a_section_hangs_down() {
        let mut grid =
            Grid { cells: [3, 4, 5], spacing: [1.0, 2.0, 4.0], origin: [10.0, 20.0, 30.0], plane: Plane::Xy };
        let values: Vec<f32> = asymmetric().iter().map(|v| *v as f32).collect();
        let arrays = [Array { name: "v", values: Values::F32(&values) }];
        let text = written(&grid, &arrays, Encoding::Ascii);
        assert!(text.contains("WholeExtent=\"0 3 0 4 0 5\" Origin=\"10 20 30\" Spacing=\"1 2 4\""));
        assert!(text.contains("\n0 1 2 10 11 12 20 21 22 30 31 32 100 101 102 110 "));
        grid.plane = Plane::Xz;
        assert!(written(&grid, &arrays, Encoding::Ascii).contains("Origin=\"10 30 -20\""));
    }

    #[test]
    #[should_panic(expected = "one a cell")]
    fn an_array_of_another_length_is_a_bug() {
        written(&Grid::unit([2, 2, 1]), &[Array { name: "v", values: Values::U8(&[1]) }], Encoding::Ascii);
    }
}
