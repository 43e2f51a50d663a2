//! Training images: examples of the geology from which multiple-point simulation learns. They are read from files (by
//! [`crate::io`], which hands plain arrays to this room) or generated as objects: [`ChannelModel`], [`EllipseModel`].

mod center_line;
mod channels;
mod continuous;
mod ellipses;
mod objects;

pub use center_line::{Bend, CenterLine, Meander};
pub use channels::{ChannelImage, ChannelKind, ChannelModel};
pub use continuous::ContinuousImage;
pub use ellipses::{Ellipse, EllipseImage, EllipseModel};
pub use objects::Scattered;

use crate::error::{Error, Result};

/// A categorical image on `cells[0] × cells[1] × cells[2]` cells, x fastest, then y (north), then z (up).
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingImage {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Facies codes 0..K, one a cell.
    pub codes: Vec<u8>,
    /// The source's own value of each facies (`0/255`, `1..4`, …), ascending: `categories[code]`.
    pub categories: Vec<f64>,
}

impl TrainingImage {
    /// The image of codes `codes`, whose facies have the source's values `categories`.
    ///
    /// Errors: no cell, wrong number of codes, a code without category, fewer than two facies that occur.
    pub fn new(cells: [usize; 3], codes: Vec<u8>, categories: Vec<f64>) -> Result<Self> {
        check_count(cells, codes.len())?;
        if let Some(code) = codes.iter().find(|&&code| usize::from(code) >= categories.len()) {
            let problem = format!("facies code {code} occurs, but there are {} facies", categories.len());
            return Err(Error::input(PLACE, problem, "number the facies from 0"));
        }
        let image = Self { cells, codes, categories };
        if image.proportions().iter().filter(|&&p| p > 0.0).count() < 2 {
            return Err(single_facies(image.categories[usize::from(image.codes[0])]));
        }
        Ok(image)
    }

    /// The image whose cells have the values `values`: every distinct value is a facies, coded in ascending order.
    ///
    /// Errors: no cell, wrong number of values, NaN or infinite values, one facies only, more than 255 facies.
    pub fn from_values(cells: [usize; 3], values: &[f64]) -> Result<Self> {
        check_count(cells, values.len())?;
        check_finite(PLACE, cells, values.iter().copied())?;
        let mut categories: Vec<f64> = Vec::new();
        let mut codes = Vec::with_capacity(values.len());
        for &value in values {
            if let Err(at) = categories.binary_search_by(|c| c.total_cmp(&(value + 0.0))) {
                categories.insert(at, value + 0.0); // adding 0 makes −0 and 0 one facies
                if categories.len() > MOST_FACIES {
                    let problem = format!("more than {MOST_FACIES} distinct values, which are no facies");
                    return Err(Error::input(PLACE, problem, "use a continuous training image (direct sampling)"));
                }
            }
        }
        for &value in values {
            let code = categories.partition_point(|&c| c < value);
            codes.push(code as u8);
        }
        match categories[..] {
            [only] => Err(single_facies(only)),
            _ => Ok(Self { cells, codes, categories }),
        }
    }

    /// Number of facies K.
    pub fn facies_count(&self) -> usize {
        self.categories.len()
    }

    /// Share of the cells in each facies, K values that add up to 1.
    pub fn proportions(&self) -> Vec<f64> {
        let mut counts = vec![0usize; self.categories.len()];
        self.codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
        counts.iter().map(|&count| count as f64 / self.codes.len() as f64).collect()
    }

    /// The image turned by `turns` quarter turns clockwise about the vertical axis: what ran along azimuth α runs along
    /// α + 90° · `turns`. Exact, no resampling.
    pub fn turned(&self, turns: usize) -> Self {
        let mut image = self.clone();
        for _ in 0..turns % 4 {
            let [nx, ny, nz] = image.cells;
            let mut codes = Vec::with_capacity(image.codes.len());
            for k in 0..nz {
                for j in 0..nx {
                    // Clockwise: new (i, j) comes from old (nx − 1 − j, i).
                    codes.extend((0..ny).map(|i| image.codes[(k * ny + i) * nx + (nx - 1 - j)]));
                }
            }
            image = Self { cells: [ny, nx, nz], codes, categories: image.categories };
        }
        image
    }
}

const PLACE: &str = "training image";

/// Codes are bytes, and 255 stays free to mean "no facies" in those who use them.
const MOST_FACIES: usize = 255;

fn single_facies(value: f64) -> Error {
    let problem = format!("every cell has the one value {value}; at least two facies are expected");
    Error::input(PLACE, problem, "take a larger image, or another one")
}

fn check_count(cells: [usize; 3], count: usize) -> Result<()> {
    let [nx, ny, nz] = cells;
    let expected = nx.checked_mul(ny).and_then(|n| n.checked_mul(nz));
    if expected == Some(0) {
        let problem = format!("{nx} x {ny} x {nz} cells hold nothing");
        return Err(Error::input(PLACE, problem, "every axis needs at least one cell"));
    }
    if expected != Some(count) {
        let problem = format!("{count} values for {nx} x {ny} x {nz} cells");
        return Err(Error::input(PLACE, problem, "give one value a cell, x fastest, then y, then z"));
    }
    Ok(())
}

fn check_finite(place: &str, [nx, ny, _]: [usize; 3], values: impl Iterator<Item = f64>) -> Result<()> {
    let Some((cell, value)) = values.enumerate().find(|(_, value)| !value.is_finite()) else { return Ok(()) };
    let (i, j, k) = (cell % nx, cell / nx % ny, cell / (nx * ny));
    let problem = format!("the value of cell ({i}, {j}, {k}) is {value}; every cell needs a finite value");
    Err(Error::input(place, problem, "fill or crop cells without value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_sorted_and_codes_number_them() {
        let image = TrainingImage::from_values([2, 3, 1], &[255.0, -1.5, 0.0, -0.0, 255.0, 0.0]).unwrap();
        assert_eq!(image.categories, [-1.5, 0.0, 255.0]);
        assert_eq!(image.codes, [2, 0, 1, 1, 2, 1]);
        assert_eq!(image.facies_count(), 3);
        assert_eq!(image.proportions(), [1.0 / 6.0, 0.5, 2.0 / 6.0]);
        assert_eq!(TrainingImage::new([2, 3, 1], image.codes.clone(), image.categories.clone()).unwrap(), image);
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        // Row j = 0 is the south: 3 lies in the north-west, and comes to lie in the north-east.
        let image = TrainingImage::from_values([3, 2, 1], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let turned = image.turned(1);
        assert_eq!(turned.cells, [2, 3, 1]);
        assert_eq!(turned.codes, [2, 5, 1, 4, 0, 3]);
        assert_eq!(image.turned(4), image);
        assert_eq!(turned.turned(2), image.turned(3));
    }

    #[test]
    fn bad_images_are_clear_errors() {
        let says = |result: Result<TrainingImage>, text: &str| {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(text), "{message:?} should say {text:?}");
        };
        says(TrainingImage::from_values([0, 3, 1], &[]), "0 x 3 x 1");
        says(TrainingImage::from_values([2, 2, 1], &[1.0; 3]), "3 values for 2 x 2 x 1");
        says(TrainingImage::from_values([usize::MAX, 2, 1], &[1.0; 3]), "3 values");
        says(TrainingImage::from_values([2, 2, 1], &[7.0; 4]), "one value 7");
        says(TrainingImage::from_values([2, 2, 1], &[0.0, 1.0, 1.0, f64::NAN]), "cell (1, 1, 0) is NaN");
        says(TrainingImage::from_values([2, 2, 1], &[0.0, f64::INFINITY, 1.0, 1.0]), "cell (1, 0, 0) is inf");
        let many: Vec<f64> = (0..256).map(f64::from).collect();
        says(TrainingImage::from_values([256, 1, 1], &many), "more than 255");
        assert_eq!(TrainingImage::from_values([255, 1, 1], &many[..255]).unwrap().facies_count(), 255);
        says(TrainingImage::new([2, 1, 1], vec![0, 2], vec![0.0, 1.0]), "code 2");
        says(TrainingImage::new([2, 1, 1], vec![1, 1], vec![0.0, 1.0]), "one value 1");
    }
}
