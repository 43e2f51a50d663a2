//! The error that the basis of a case makes in the data, counted as noise.

use ndarray::{Array2, Axis, s};

use super::super::observations::Observations;
use super::Study;
use super::parameterization::Parameterization;
use crate::basis::Basis;
use crate::basis::pca::Pca;
use crate::error::Result;
use crate::inversion::{reduced_jacobian, truncation_covariance};
use crate::linalg::covariance::Covariance;
use crate::operator::finite;

/// Data beyond which the truncation error's m × m covariance is not formed.
pub(super) const LARGEST_DENSE_COVARIANCE: usize = 2000;

/// What the realizations of the prior say of the truncation error in the data, as far as these are linear in the property:
/// for principal components of any rank, and for bases that are not made of realizations.
pub(super) struct TruncationError<'a> {
    observations: &'a Observations<'a>,
    left_over: Option<LeftOver<'a>>,
}

/// Data of realizations, m × L.
enum LeftOver<'a> {
    /// Of the whole realizations less their mean; leading components carry a part of them.
    Components { pca: &'a Pca, whole: Array2<f64> },
    /// Of what the basis cannot carry.
    Fixed(Array2<f64>),
}

impl<'a> TruncationError<'a> {
    /// The error of a study's basis in the data, where the case counts it.
    ///
    /// # Errors
    /// What the forward model returns.
    pub(super) fn new(study: &'a Study, observations: &'a Observations<'a>) -> Result<Self> {
        let m = observations.observed.len();
        if !study.case.inversion.truncation_error || m > LARGEST_DENSE_COVARIANCE {
            return Ok(Self { observations, left_over: None });
        }
        let linear = observations.linear();
        let left_over = match &*study.parameterization {
            Parameterization::Components(pca) => {
                let at_mean = linear.predict(pca.basis.mean())?;
                let ensemble = &study.priors.ensembles[study.selected[0]];
                let mut whole = Array2::zeros((m, ensemble.len()));
                for (l, mut column) in whole.axis_iter_mut(Axis(1)).enumerate() {
                    column.assign(&(linear.predict(ensemble.property(l).view())? - &at_mean));
                }
                Some(LeftOver::Components { pca, whole })
            }
            Parameterization::Explicit(explicit) if explicit.ungrouped().cols() < study.case.grid.len() => {
                let basis = explicit.ungrouped();
                let jacobian = linear.linearize(basis.mean())?.jacobian;
                let mut deviations = Array2::zeros((m, study.priors.count(&study.selected)));
                for (field, mut column) in study.priors.fields(&study.selected).zip(deviations.columns_mut()) {
                    let carried = basis.expand(basis.nearest(field.view()).view());
                    column.assign(&finite(jacobian.apply((&field - &carried).view()), &*jacobian)?);
                }
                Some(LeftOver::Fixed(deviations))
            }
            _ => None,
        };
        Ok(Self { observations, left_over })
    }

    /// The covariance of the data's errors with that of the leading `rank` columns of the basis; `None` where it is not
    /// counted.
    ///
    /// # Errors
    /// What the forward model returns; a sum that is no covariance.
    pub(super) fn covariance(&self, rank: usize) -> Result<Option<Covariance>> {
        let covariance = &self.observations.covariance;
        match &self.left_over {
            None => Ok(None),
            Some(LeftOver::Fixed(deviations)) => truncation_covariance(covariance, deviations.view()).map(Some),
            Some(LeftOver::Components { pca, whole }) => {
                let basis = pca.basis.at_rank(rank);
                let linear = self.observations.linear();
                let at = linear.linearize(basis.mean())?;
                let jacobian = reduced_jacobian(&*at.jacobian, &basis)?;
                let carried = jacobian.dot(&pca.coefficients.slice(s![..rank, ..]));
                truncation_covariance(covariance, (whole - &carried).view()).map(Some)
            }
        }
    }
}
