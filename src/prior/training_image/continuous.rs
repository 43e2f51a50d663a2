//! Images of continuous variables, one or several.

use super::{check_count, check_finite};
use crate::error::{Error, Result};

/// An image of one or several continuous variables on the same cells, for direct sampling.
#[derive(Debug, Clone, PartialEq)]
pub struct ContinuousImage {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Name and values of each variable, one value a cell, x fastest, then y, then z.
    pub variables: Vec<(String, Vec<f32>)>,
}

impl ContinuousImage {
    /// The image of `variables`.
    ///
    /// Errors: no variable, no cell, wrong number of values, NaN or infinite values.
    pub fn new(cells: [usize; 3], variables: Vec<(String, Vec<f32>)>) -> Result<Self> {
        if variables.is_empty() {
            let remedy = "name at least one variable of the training image";
            return Err(Error::input("training image", "there is no variable", remedy));
        }
        for (name, values) in &variables {
            check_count(cells, values.len())?;
            check_finite(&format!("training image, variable {name}"), cells, values.iter().map(|&v| f64::from(v)))?;
        }
        Ok(Self { cells, variables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_images_are_clear_errors() {
        let says = |variables: Vec<(&str, Vec<f32>)>, text: &str| {
            let variables = variables.into_iter().map(|(name, values)| (name.to_string(), values)).collect();
            let message = ContinuousImage::new([2, 2, 1], variables).unwrap_err().to_string();
            assert!(message.contains(text), "{message:?} should say {text:?}");
        };
        says(vec![], "no variable");
        says(vec![("porosity", vec![0.1; 3])], "3 values for 2 x 2 x 1");
        says(
            vec![("porosity", vec![0.1; 4]), ("depth", vec![0.0, 0.0, f32::NAN, 0.0])],
            "depth: the value of cell (0, 1",
        );
    }
}
