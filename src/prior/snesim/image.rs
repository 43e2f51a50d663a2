//! The training image as it is scanned: turned and scaled.

use std::borrow::Cow;

use super::options::Transformation;

/// The code of a cell outside of the turned image; facies are 0..255.
pub(super) const OUTSIDE: u8 = u8::MAX;

/// Facies codes on `cells`, [`OUTSIDE`] where the image has none.
pub(super) struct Image<'a> {
    pub(super) cells: [usize; 3],
    pub(super) codes: Cow<'a, [u8]>,
}

impl<'a> Image<'a> {
    /// The training image turned clockwise by `azimuth` and scaled along its own axes, by nearest neighbour: cell x of the
    /// result shows the image's cell at `S⁻¹ R⁻¹ x`, both measured from the centres of the grids.
    pub(super) fn new(cells: [usize; 3], codes: &'a [u8], transformation: Transformation) -> Self {
        if transformation == Transformation::default() {
            return Self { cells, codes: Cow::Borrowed(codes) };
        }
        let (sin, cos) = turn(transformation.azimuth);
        let scale = transformation.scale;
        let size: [f64; 3] = std::array::from_fn(|a| cells[a] as f64 * scale[a]);
        let span = [size[0] * cos.abs() + size[1] * sin.abs(), size[0] * sin.abs() + size[1] * cos.abs(), size[2]];
        let out: [usize; 3] = span.map(|s| (s.round() as usize).max(1));
        let mut turned = Vec::with_capacity(out.iter().product());
        for k in 0..out[2] {
            for j in 0..out[1] {
                for i in 0..out[0] {
                    let at = |index: usize, n: usize| index as f64 + 0.5 - 0.5 * n as f64;
                    let (x, y, z) = (at(i, out[0]), at(j, out[1]), at(k, out[2]));
                    // Clockwise by α: east' = east cos α + north sin α; this is its inverse.
                    let source = [x * cos - y * sin, x * sin + y * cos, z];
                    turned.push(nearest(cells, codes, scale, source));
                }
            }
        }
        Self { cells: out, codes: Cow::Owned(turned) }
    }
}

/// The code of the cell that holds a point given from the image's centre, in the units of the scaled image.
fn nearest(cells: [usize; 3], codes: &[u8], scale: [f64; 3], point: [f64; 3]) -> u8 {
    let mut cell = [0; 3];
    for a in 0..3 {
        // A layer of one cell is the whole third dimension whatever the scale.
        let t = if cells[a] == 1 { 0.0 } else { (point[a] / scale[a] + 0.5 * cells[a] as f64).floor() };
        if !(0.0..cells[a] as f64).contains(&t) {
            return OUTSIDE;
        }
        cell[a] = t as usize;
    }
    codes[(cell[2] * cells[1] + cell[1]) * cells[0] + cell[0]]
}

/// Sine and cosine of an angle in degrees, exact at the quarter turns, so that a quarter turn moves cells onto cells.
fn turn(degrees: f64) -> (f64, f64) {
    match degrees.rem_euclid(360.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        180.0 => (0.0, -1.0),
        270.0 => (-1.0, 0.0),
        d => d.to_radians().sin_cos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_clockwise_brings_north_to_the_east() {
        // y grows north: rows from south to north are 0 1 2, 3 4 5.
        let codes = [0, 1, 2, 3, 4, 5];
        let turned = Image::new([3, 2, 1], &codes, Transformation { azimuth: 90.0, scale: [1.0; 3] });
        assert_eq!(turned.cells, [2, 3, 1]);
        // The northern row 3 4 5 becomes the eastern column, its west end on top.
        assert_eq!(*turned.codes, [2, 5, 1, 4, 0, 3]);
    }

    #[test]
    fn scale_two_doubles_every_cell() {
        let codes = [0, 1, 2, 3];
        let doubled = Image::new([2, 2, 1], &codes, Transformation { azimuth: 0.0, scale: [2.0, 2.0, 1.0] });
        assert_eq!(doubled.cells, [4, 4, 1]);
        assert_eq!(*doubled.codes, [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]);
    }

    #[test]
    fn an_oblique_turn_leaves_corners_outside() {
        let turned = Image::new([9, 9, 1], &[1; 81], Transformation { azimuth: 45.0, scale: [1.0; 3] });
        assert_eq!(turned.cells, [13, 13, 1]);
        assert_eq!((turned.codes[0], turned.codes[6 * 13 + 6]), (OUTSIDE, 1));
        let inside = turned.codes.iter().filter(|&&c| c == 1).count();
        assert!(inside.abs_diff(81) <= 9, "{inside} cells of 81 are left");
    }
}
