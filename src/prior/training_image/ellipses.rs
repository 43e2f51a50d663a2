//! Ellipses (2-D) and lobes (3-D) as objects.

use super::TrainingImage;
use super::objects::{BODY, Print, Scattered, check_cells, check_range, fill};
use crate::error::Result;
use crate::random::Stream;

/// An object model of ellipses in a background; lengths in cells. In 3-D the objects are ellipsoids: lobes or lenses.
/// Facies codes: 0 background, 1 object.
#[derive(Debug, Clone, PartialEq)]
pub struct EllipseModel {
    /// Number of cells of the image along x, y, z.
    pub cells: [usize; 3],
    /// Azimuth of the long axis \[degrees clockwise from north\], and its scatter.
    pub azimuth: Scattered,
    /// Full length of the long axis.
    pub length: Scattered,
    /// Full length of the short horizontal axis.
    pub width: Scattered,
    /// Full thickness; without meaning in 2-D.
    pub thickness: Scattered,
    /// Share of the cells that are covered.
    pub proportion: f64,
}

/// One ellipse or ellipsoid of an image, in cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    /// Its centre.
    pub center: [f64; 3],
    /// Half axes: long, short, vertical.
    pub half_axes: [f64; 3],
    /// Azimuth of the long axis \[degrees clockwise from north\].
    pub azimuth: f64,
}

/// A generated image of ellipses, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct EllipseImage {
    /// The image.
    pub image: TrainingImage,
    /// The ellipses.
    pub ellipses: Vec<Ellipse>,
}

const PLACE: &str = "training image, ellipses";

impl EllipseModel {
    /// Ellipses 30 cells long and 15 wide, azimuth 90°, covering 0.3 of the image.
    pub fn standard(cells: [usize; 3]) -> Self {
        Self {
            cells,
            azimuth: Scattered::new(90.0, 10.0),
            length: Scattered::new(30.0, 5.0),
            width: Scattered::new(15.0, 2.5),
            thickness: Scattered::new(5.0, 1.0),
            proportion: 0.3,
        }
    }

    /// The image of seed `seed`.
    ///
    /// Errors: a parameter out of range, a proportion that ellipses of this size cannot reach within a fifth of it.
    pub fn generate(&self, seed: u64) -> Result<EllipseImage> {
        self.check()?;
        let shape = |_, stream: &mut Stream| {
            let half_axes = [self.length, self.width, self.thickness].map(|size| size.log_normal(stream) / 2.0);
            Ellipse { center: [0.0; 3], half_axes, azimuth: self.azimuth.normal(stream) }
        };
        let put = |shape: &Ellipse, stream: &mut Stream| self.put(shape, stream);
        let (codes, ellipses) = fill(PLACE, self.cells, self.proportion, seed, shape, put)?;
        Ok(EllipseImage { image: TrainingImage::new(self.cells, codes, vec![0.0, 1.0])?, ellipses })
    }

    fn check(&self) -> Result<()> {
        check_cells(PLACE, self.cells)?;
        self.length.check_size(PLACE, "length", 1.0)?;
        self.width.check_size(PLACE, "width", 1.0)?;
        if self.cells[2] > 1 {
            self.thickness.check_size(PLACE, "thickness", 1.0)?;
        }
        check_range(PLACE, "length", self.length.mean, 1.0, self.cells[0].max(self.cells[1]) as f64)?;
        check_range(PLACE, "azimuth", self.azimuth.mean, -360.0, 360.0)?;
        check_range(PLACE, "scatter of azimuth", self.azimuth.deviation, 0.0, 90.0)?;
        check_range(PLACE, "proportion", self.proportion, 0.01, 0.9)
    }

    /// Puts an ellipse somewhere: its centre may lie outside the image by as much as its longest half axis.
    fn put(&self, shape: &Ellipse, stream: &mut Stream) -> (Ellipse, Print) {
        let [reach, _, up] = shape.half_axes;
        let mut ellipse = *shape;
        for (a, margin) in [reach, reach, up].into_iter().enumerate() {
            ellipse.center[a] = stream.between(-margin, self.cells[a] as f64 + margin);
        }
        if self.cells[2] == 1 {
            ellipse.center[2] = 0.5;
        }
        let print = ellipse.cells(self.cells);
        (ellipse, print)
    }
}

impl Ellipse {
    /// The cells whose centres it covers.
    fn cells(&self, [nx, ny, nz]: [usize; 3]) -> Print {
        let [long, short, up] = self.half_axes;
        let (sin, cos) = self.azimuth.to_radians().sin_cos();
        let range = |a: usize, half: f64, n: usize| {
            (self.center[a] - half - 0.5).max(0.0) as usize..((self.center[a] + half + 0.5).max(0.0) as usize).min(n)
        };
        let reach = long.max(short);
        let mut print = Vec::new();
        for k in range(2, up, nz) {
            for j in range(1, reach, ny) {
                for i in range(0, reach, nx) {
                    let [x, y, z] = [i, j, k].map(|c| c as f64 + 0.5);
                    let (dx, dy, dz) = (x - self.center[0], y - self.center[1], z - self.center[2]);
                    let (along, across) = (dx * sin + dy * cos, dx * cos - dy * sin);
                    if (along / long).powi(2) + (across / short).powi(2) + (dz / up).powi(2) <= 1.0 {
                        print.push(((k * ny + j) * nx + i, BODY));
                    }
                }
            }
        }
        print
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_covers_its_area_along_its_azimuth() {
        let half_axes = [20.0, 6.0, 1.0];
        let ellipse = Ellipse { center: [40.3, 30.1, 0.5], half_axes, azimuth: 90.0 };
        let print = ellipse.cells([80, 60, 1]);
        // Lattice points in a convex set differ from its area by less than its perimeter (≈ 88).
        let area = std::f64::consts::PI * 120.0;
        assert!((print.len() as f64 - area).abs() < 88.0, "{} cells, area {area}", print.len());
        assert!(print.iter().any(|(c, _)| c % 80 == 21) && print.iter().all(|(c, _)| (24..36).contains(&(c / 80))));
        let north = Ellipse { azimuth: 0.0, ..ellipse }.cells([80, 60, 1]);
        assert!(north.iter().all(|(c, _)| (34..46).contains(&(c % 80))));
    }

    #[test]
    fn images_have_their_proportion_and_depend_on_the_seed() {
        for cells in [[120, 100, 1], [50, 50, 14]] {
            let model = EllipseModel::standard(cells);
            let EllipseImage { image, ellipses } = model.generate(2).unwrap();
            let p = image.proportions()[1];
            let largest = ellipses.iter().map(|e| e.cells(cells).len()).max().unwrap();
            let half = 0.5 * largest as f64 / image.codes.len() as f64;
            assert!((p - 0.3).abs() <= half, "proportion {p}, half an ellipse is {half}");
            assert_eq!(model.generate(2).unwrap().image, image);
            assert_ne!(model.generate(3).unwrap().image, image);
        }
    }

    #[test]
    fn high_proportions_are_reached() {
        let model = EllipseModel { proportion: 0.85, ..EllipseModel::standard([90, 90, 1]) };
        let p = model.generate(1).unwrap().image.proportions()[1];
        assert!((p - 0.85).abs() < 0.03, "proportion {p}");
    }

    #[test]
    fn bad_parameters_are_clear_errors() {
        let says = |model: EllipseModel, text: &str| {
            let message = model.generate(1).unwrap_err().to_string();
            assert!(message.contains(text), "{message:?} should say {text:?}");
        };
        let good = || EllipseModel::standard([60, 60, 1]);
        says(EllipseModel { length: Scattered::new(0.0, 0.0), ..good() }, "length is 0");
        says(EllipseModel { length: Scattered::new(100.0, 0.0), ..good() }, "from 1 to 60");
        says(EllipseModel { width: Scattered::new(f64::NAN, 0.0), ..good() }, "width is NaN");
        says(EllipseModel { thickness: Scattered::new(0.5, 0.0), cells: [60, 60, 5], ..good() }, "thickness is 0.5");
        says(EllipseModel { proportion: 0.0, ..good() }, "proportion is 0");
    }
}
