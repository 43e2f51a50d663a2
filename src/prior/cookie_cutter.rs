//! Cookie-cutter heterogeneity: facies of one prior, each filled with a Gaussian field of its own.

use super::gaussian_field::GaussianField;
use super::variogram::Variogram;
use super::{Conditioning, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;

/// Facies from any prior; the property in a cell is that of the Gaussian field of the cell's facies. The fields know
/// nothing of each other: the property jumps where the facies change.
pub struct CookieCutter {
    facies: Box<dyn Prior>,
    /// One a facies code; `None`: the property is constant there.
    fields: Vec<(f64, Option<GaussianField>)>,
}

impl CookieCutter {
    /// Fills facies code `f` with a field of mean `fillings[f].0`, the facies' value, and variogram `fillings[f].1`;
    /// without a variogram, with the mean alone. The field of facies f draws its random numbers at level f.
    pub fn new(facies: Box<dyn Prior>, fillings: &[(f64, Option<Variogram>)]) -> Result<Self> {
        let grid = facies.grid();
        let field = |(code, (mean, variogram)): (u32, &(f64, Option<Variogram>))| match variogram {
            Some(variogram) => Ok((*mean, Some(GaussianField::new(grid, variogram, *mean)?.with_level(code)))),
            None => Ok((*mean, None)),
        };
        Ok(Self { fields: (0..).zip(fillings).map(field).collect::<Result<_>>()?, facies })
    }

    /// Share of each facies' covariance that its embedding had to clip (see [`GaussianField::clipped`]).
    pub fn clipped(&self) -> Vec<f64> {
        self.fields.iter().map(|(_, field)| field.as_ref().map_or(0.0, GaussianField::clipped)).collect()
    }
}

impl Prior for CookieCutter {
    fn grid(&self) -> Grid {
        self.facies.grid()
    }

    /// Known facies condition the facies, known values the field of the facies drawn at their cell; in a facies
    /// without a field a known value holds in its cell alone.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let known_facies = Conditioning { facies: data.facies.clone(), values: Vec::new() };
        let Some(facies) = self.facies.realization(&known_facies, seed, k)?.facies else {
            return Err(Error::input("cookie cutter", "its prior draws no facies", "choose a prior of facies"));
        };
        if let Some(&code) = facies.iter().find(|&&code| usize::from(code) >= self.fields.len()) {
            return Err(Error::input(
                "cookie cutter",
                format!("facies {code} occurs, but only {} facies have a filling", self.fields.len()),
                "give every facies a value",
            ));
        }
        if let Some(known) = data.values.iter().find(|known| known.cell >= facies.len()) {
            return Err(Error::input(
                "conditioning",
                format!("a value is known in cell {} of {} cells", known.cell, facies.len()),
                "give values in cells of the grid",
            ));
        }
        let mut values: Vec<f32> = facies.iter().map(|&code| self.fields[usize::from(code)].0 as f32).collect();
        data.values.iter().for_each(|known| values[known.cell] = known.value as f32);
        for (code, (_, field)) in self.fields.iter().enumerate() {
            let here = |cell: usize| usize::from(facies[cell]) == code;
            if let Some(field) = field
                && (0..facies.len()).any(here)
            {
                let known = data.values.iter().filter(|known| here(known.cell)).copied().collect();
                let filling = field.realization(&Conditioning { facies: Vec::new(), values: known }, seed, k)?;
                let filling = filling.values.unwrap_or_default();
                (0..facies.len()).filter(|&c| here(c)).for_each(|c| values[c] = filling[c]);
            }
        }
        Ok(Realization { facies: Some(facies), values: Some(values) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::Known;
    use crate::prior::variogram::{Shape, Structure};

    /// Left half facies 0, right half facies 1.
    struct Halves;

    impl Prior for Halves {
        fn grid(&self) -> Grid {
            Grid::unit([20, 10, 1])
        }
        fn realization(&self, _: &Conditioning, _: u64, _: u64) -> Result<Realization> {
            let facies = (0..200).map(|c| u8::from(c % 20 >= 10)).collect();
            Ok(Realization { facies: Some(facies), values: None })
        }
    }

    fn variogram(sill: f64) -> Variogram {
        Variogram::new(0.0, &[Structure::isotropic(Shape::Spherical, sill, 4.0)]).expect("fine")
    }

    #[test]
    fn each_facies_has_its_own_field() {
        let prior = CookieCutter::new(Box::new(Halves), &[(1.0, Some(variogram(0.01))), (5.0, Some(variogram(0.04)))])
            .expect("fine");
        let data = Conditioning { values: vec![Known { cell: 0, value: 1.5 }], ..Default::default() };
        let drawn = prior.realization(&data, 3, 7).expect("fine");
        let (facies, values) = (drawn.facies.expect("facies"), drawn.values.expect("values"));
        assert!((values[0] - 1.5).abs() < 1e-5, "the known value");
        let fields = [(1.0, 0.01), (5.0, 0.04)]
            .map(|(mean, sill)| GaussianField::new(prior.grid(), &variogram(sill), mean).expect("fine"));
        for c in 100..200 {
            let code = usize::from(facies[c]);
            let expected = fields[code].clone().with_level(code as u32).draw(3, 7)[c] as f32;
            assert_eq!(values[c], expected, "beyond the range of the known value, the field of the facies");
        }
    }

    #[test]
    fn without_a_variogram_the_facies_is_constant_and_without_a_value_it_is_told() {
        let prior = CookieCutter::new(Box::new(Halves), &[(1.0, None), (5.0, None)]).expect("fine");
        let at = |cell| Conditioning { values: vec![Known { cell, value: 7.0 }], ..Default::default() };
        let drawn = prior.realization(&at(3), 0, 0).expect("fine");
        let values = drawn.values.expect("values");
        assert_eq!((values[0], values[3], values[19]), (1.0, 7.0, 5.0));
        let error = prior.realization(&at(200), 0, 0).expect_err("outside of the grid");
        assert!(error.to_string().contains("cell 200 of 200"), "{error}");
        let prior = CookieCutter::new(Box::new(Halves), &[(1.0, None)]).expect("fine");
        let error = prior.realization(&Conditioning::default(), 0, 0).expect_err("facies 1 has no filling");
        assert!(error.to_string().contains("facies 1"), "{error}");
    }
}
