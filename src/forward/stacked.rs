//! Several forward models of one property field, one after the other.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

use crate::error::{Error, Result};
use crate::operator::{LinearOperator, Linearized, Operator};

/// `y = (g_1(u), g_2(u), …)`.
pub struct StackedOperator<'a> {
    parts: Vec<Box<dyn Operator + 'a>>,
}

impl<'a> StackedOperator<'a> {
    /// The models of one field, at least one.
    pub fn new(parts: Vec<Box<dyn Operator + 'a>>) -> Self {
        assert!(parts.iter().all(|part| part.inputs() == parts[0].inputs()), "models of one field");
        Self { parts }
    }
}

impl Operator for StackedOperator<'_> {
    fn inputs(&self) -> usize {
        self.parts[0].inputs()
    }
    fn outputs(&self) -> usize {
        self.parts.iter().map(|part| part.outputs()).sum()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        let values = self.parts.iter().map(|part| part.predict(x)).collect::<Result<Vec<_>>>()?;
        Ok(values.into_iter().flatten().collect())
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        let parts = self.parts.iter().map(|part| part.linearize(x)).collect::<Result<Vec<_>>>()?;
        let value = parts.iter().flat_map(|part| part.value.iter().copied()).collect();
        let jacobians = parts.into_iter().map(|part| part.jacobian).collect();
        Ok(Linearized { value, jacobian: Box::new(StackedJacobian(jacobians)) })
    }
}

/// `(A_1; A_2; …)`.
struct StackedJacobian<'a>(Vec<Box<dyn LinearOperator + 'a>>);

impl StackedJacobian<'_> {
    fn ranges(&self) -> impl Iterator<Item = (&dyn LinearOperator, std::ops::Range<usize>)> {
        self.0.iter().scan(0, |start, part| {
            let rows = *start..*start + part.rows();
            *start = rows.end;
            Some((&**part as &dyn LinearOperator, rows))
        })
    }
}

impl LinearOperator for StackedJacobian<'_> {
    fn rows(&self) -> usize {
        self.0.iter().map(|part| part.rows()).sum()
    }
    fn cols(&self) -> usize {
        self.0[0].cols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.0.iter().flat_map(|part| part.apply(x)).collect()
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut sum = Array1::zeros(self.cols());
        self.ranges().for_each(|(part, rows)| sum += &part.adjoint(y.slice(s![rows])));
        sum
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let parts: Vec<_> = self.0.iter().map(|part| part.apply_block(x)).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(0), &views).expect("blocks of one width")
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut sum = Array2::zeros((self.cols(), y.ncols()));
        self.ranges().for_each(|(part, rows)| sum += &part.adjoint_block(y.slice(s![rows, ..])));
        sum
    }
    fn failure(&self) -> Option<Error> {
        self.0.iter().find_map(|part| part.failure())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::check::dot_test;
    use crate::forward::cells::PropertyInCells;
    use crate::operator::{Dense, Unknown, finite};

    #[test]
    fn the_reason_of_a_part_without_numbers_is_told() {
        let cells = PropertyInCells::new(vec![Some(1)], 4);
        let unknown = Unknown { jacobian: Dense(Array2::zeros((1, 4))), from: 0 };
        let stacked = StackedJacobian(vec![Box::new(cells), Box::new(unknown)]);
        let product = finite(stacked.apply(Array1::ones(4).view()), &stacked);
        assert!(matches!(product, Err(Error::NoModel(why)) if why == Unknown::REASON));
        assert!(stacked.0[0].failure().is_none());
    }

    #[test]
    fn parts_follow_each_other_in_value_and_derivative() {
        let part = |cells: &[usize]| -> Box<dyn Operator> {
            Box::new(PropertyInCells::new(cells.iter().map(|&c| Some(c)).collect(), 4))
        };
        let operator = StackedOperator::new(vec![part(&[2, 0]), part(&[3])]);
        let x = array![1.0, 2.0, 3.0, 4.0];
        let at = operator.linearize(x.view()).expect("linear");
        assert_eq!(
            (at.value, operator.predict(x.view()).expect("linear")),
            (array![3.0, 1.0, 4.0], array![3.0, 1.0, 4.0])
        );
        assert_eq!(at.jacobian.adjoint(array![1.0, 2.0, 4.0].view()), array![2.0, 0.0, 1.0, 4.0]);
        assert!(dot_test(&*at.jacobian, 3) <= 16.0 * f64::EPSILON);
        let block = array![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0]];
        assert_eq!(at.jacobian.apply_block(block.view()).column(1), array![7.0, 5.0, 8.0]);
        let data = array![[1.0, 0.0], [2.0, 0.0], [4.0, 1.0]];
        assert_eq!(at.jacobian.adjoint_block(data.view()).column(1), array![0.0, 0.0, 0.0, 1.0]);
    }
}
