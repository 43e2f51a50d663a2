//! How far to go from a point towards the minimiser of the problem that is linearized there.

use ndarray::{Array1, ArrayView1, s};

use super::Problem;
use super::gauss_newton::Point;
use crate::error::{Error, Result};

/// Step lengths tried: 1, ½, ….
const STEP_LENGTHS: usize = 12;

/// Where a line search ended.
pub(super) struct Moved {
    pub(super) v: Array1<f64>,
    /// The share of the way to the goal; 0 where no share helps.
    pub(super) fraction: f64,
    /// Where the next step begins, if there is one and v is not where the search began.
    pub(super) point: Option<Point>,
}

/// The step after a line search.
#[derive(Clone, Copy)]
pub(super) struct Following<'a> {
    /// What is to be solved then: the forward model of now, errors that may be others.
    pub(super) problem: Problem<'a>,
    /// As many coefficients as now, or more; those that are new begin at zero.
    pub(super) rank: usize,
}

/// v, followed by zeros up to `rank` coefficients.
pub(super) fn padded(v: ArrayView1<'_, f64>, rank: usize) -> Array1<f64> {
    let mut longer = Array1::zeros(rank);
    longer.slice_mut(s![..v.len()]).assign(&v);
    longer
}

/// Backtracks from `goal` until the objective, a function of coefficients and the data predicted for them, is no larger
/// than at v, where `predicted` are; stays at v where no share of the way helps. Where another step follows the model must
/// have finite derivatives there too, which heads in a wild field may lack that are well known themselves.
pub(super) fn search(
    problem: &Problem<'_>,
    v: Array1<f64>,
    predicted: &Array1<f64>,
    goal: &Array1<f64>,
    objective: &dyn Fn(ArrayView1<'_, f64>, &Array1<f64>) -> f64,
    following: Option<Following<'_>>,
) -> Result<Moved> {
    // Where the step is at rounding level, so is the change of the objective.
    let most = objective(v.view(), predicted) * (1.0 + 1e-12);
    let candidate = |share: f64| &v + &(share * &(goal - &v));
    let field = |candidate: &Array1<f64>| problem.parameterized(candidate.view());
    let falls = |candidate: &Array1<f64>, predicted: &Array1<f64>| objective(candidate.view(), predicted) <= most;
    let found = match following {
        Some(next) => backtrack(
            STEP_LENGTHS,
            candidate,
            |candidate| problem.forward.linearize(field(candidate).view()),
            |candidate, linearized| falls(candidate, &linearized.value),
            |candidate, linearized| {
                let point = Point::of(&next.problem, padded(candidate.view(), next.rank), linearized)?;
                Ok((candidate, Some(point)))
            },
        ),
        None => backtrack(
            STEP_LENGTHS,
            candidate,
            |candidate| problem.forward.predict(field(candidate).view()),
            falls,
            |candidate, _| Ok((candidate, None)),
        ),
    };
    Ok(match found? {
        Some((fraction, (v, point))) => Moved { v, fraction, point },
        None => Moved { v, fraction: 0.0, point: None },
    })
}

/// Tries candidates at shares 1, ½, … of a step until one `falls` by what is `seen` at it (a linearization predicts as
/// well, and solves the equations once for both) and the next step can `begin` there: its share, and that beginning.
/// `None`: none of so many `lengths`. A field too wild for the forward model, or for its derivatives, is a step too long.
pub(super) fn backtrack<C, S, B>(
    lengths: usize,
    candidate: impl Fn(f64) -> C,
    seen: impl Fn(&C) -> Result<S>,
    falls: impl Fn(&C, &S) -> bool,
    begin: impl Fn(C, S) -> Result<B>,
) -> Result<Option<(f64, B)>> {
    for halvings in 0..lengths as i32 {
        let share = 0.5f64.powi(halvings);
        let candidate = candidate(share);
        if let Some(seen) = within_reach(seen(&candidate))?
            && falls(&candidate, &seen)
            && let Some(begun) = within_reach(begin(candidate, seen))?
        {
            return Ok(Some((share, begun)));
        }
    }
    Ok(None)
}

/// What a line search finds at a candidate: nothing where the field is too wild for the forward model.
fn within_reach<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(Error::NoModel(_) | Error::Input { .. }) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr1};

    use super::super::toys::{Columns, Cubic, Wild, host_problem};
    use super::*;
    use crate::linalg::covariance::Covariance;
    use crate::operator::Unknown;

    /// Calls `found` with the problem `u = d` of three cells that are their own coefficients, where derivatives reach up
    /// to 0.75.
    fn with_wild<T>(found: impl FnOnce(Problem<'_>) -> T) -> T {
        let forward = Wild::new(Cubic { matrix: Array2::eye(3), c: 0.0 }, 0.75);
        let basis = Columns { matrix: Array2::eye(3), mean: Array1::zeros(3), sigma: Array1::ones(3) };
        let covariance = Covariance::diagonal(Array1::ones(3)).unwrap();
        let observed = arr1(&[1.0, 1.0, 1.0]);
        found(host_problem(&forward, &basis, &observed, &covariance))
    }

    #[test]
    fn a_step_ends_where_the_next_one_can_begin() {
        with_wild(|problem| {
            let (v, goal) = (arr1(&[0.0, 0.25]), arr1(&[1.0, 1.0]));
            let predicted = problem.predict(problem.parameterized(v.view()).view()).unwrap();
            let misfit = |_: ArrayView1<'_, f64>, predicted: &Array1<f64>| problem.misfit(predicted.view());
            let moved = |following| search(&problem, v.clone(), &predicted, &goal, &misfit, following).unwrap();
            let last = moved(None);
            assert_eq!((last.fraction, last.v, last.point.is_none()), (1.0, goal.clone(), true));
            for rank in [2, 3] {
                let next = moved(Some(Following { problem, rank }));
                let point = next.point.expect("the next step begins");
                assert_eq!((next.fraction, &next.v), (0.5, &arr1(&[0.5, 0.625])));
                assert_eq!(point.v, padded(next.v.view(), rank));
                assert_eq!(point.jacobian, Array2::<f64>::eye(3).slice(s![.., ..rank]));
                assert_eq!(point.target, arr1(&[1.0; 3]), "Δd = (d − u) + u");
            }
        });
    }

    #[test]
    fn where_no_share_of_the_way_is_within_reach_nothing_moves() {
        with_wild(|problem| {
            let (v, goal) = (arr1(&[0.6, 0.6, 0.6]), arr1(&[9e9, 0.6, 0.6]));
            let following = Some(Following { problem, rank: 3 });
            let moved = search(&problem, v.clone(), &v, &goal, &|_, _| 1.0, following).unwrap();
            assert_eq!((moved.fraction, moved.v, moved.point.is_none()), (0.0, v, true));
        });
    }

    #[test]
    fn a_start_without_derivatives_is_told_with_the_reason_of_the_jacobian() {
        with_wild(|problem| {
            let refused = Point::at(&problem, arr1(&[0.8])).err().expect("an error").to_string();
            assert!(refused.contains(Unknown::REASON), "{refused}");
            assert!(Point::at(&problem, arr1(&[0.5])).is_ok());
        });
    }

    #[test]
    fn a_line_search_steps_back_from_what_the_model_refuses_and_from_nothing_else() {
        assert_eq!(within_reach(Ok(2.0)).unwrap(), Some(2.0));
        assert_eq!(within_reach::<f64>(Err(Error::input("cell 3", "0 is not a positive number", ""))).unwrap(), None);
        assert_eq!(within_reach::<f64>(Err(Error::NoModel("dry".into()))).unwrap(), None);
        assert!(matches!(within_reach::<f64>(Err(Error::Interrupted)), Err(Error::Interrupted)));
    }
}
