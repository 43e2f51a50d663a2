//! What simulations of facies share: known facies, and the draw of a facies.

use super::{Conditioning, Known};
use crate::error::{Error, Result};
use crate::random::Stream;

/// The known facies by ascending cell, each cell once.
///
/// # Errors
/// Facies outside of `cells` cells or not below `facies`, different facies for one cell, or known properties.
pub(super) fn known_facies(data: &Conditioning, cells: usize, facies: usize) -> Result<Vec<Known<u8>>> {
    let fail = |cell: usize, problem: String, remedy: &str| {
        Err(Error::input(format!("hard datum of cell {cell}"), problem, remedy.to_owned()))
    };
    if let Some(known) = data.values.first() {
        let problem = format!("its property is known ({}), but facies are simulated", known.value);
        return fail(known.cell, problem, "give the facies of the cell");
    }
    let mut known = data.facies.clone();
    known.sort_by_key(|known| known.cell);
    known.dedup();
    if let Some(pair) = known.windows(2).find(|pair| pair[0].cell == pair[1].cell) {
        let problem = format!("facies {} and facies {} compete for it", pair[0].value, pair[1].value);
        return fail(pair[0].cell, problem, "keep one of them");
    }
    for known in &known {
        if known.cell >= cells {
            return fail(known.cell, format!("the grid has {cells} cells"), "leave out data outside of the grid");
        }
        if usize::from(known.value) >= facies {
            let problem = format!("there is no facies {} among {facies}", known.value);
            return fail(known.cell, problem, "number the facies from 0");
        }
    }
    Ok(known)
}

/// Draws a facies with probability in proportion to `p`, in integers: `p` is rounded up to multiples of 2⁻³², so that what
/// is possible stays possible.
pub(super) fn draw(p: &[f64], stream: &mut Stream) -> u8 {
    let weight = |p: f64| (p * (1u64 << 32) as f64).ceil() as u64;
    let mut left = stream.below(p.iter().map(|&p| weight(p)).sum());
    for (k, &p) in p.iter().enumerate() {
        let w = weight(p);
        if left < w {
            return k as u8;
        }
        left -= w;
    }
    unreachable!("a number below the sum of the weights is below one of their partial sums")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn draws_follow_the_probabilities() {
        let mut stream = Stream::new(3, Purpose::Check, 0, 0);
        let n = 40_000;
        let mut counts = [0u32; 3];
        for _ in 0..n {
            counts[usize::from(draw(&[0.2, 0.0, 0.6], &mut stream))] += 1;
        }
        let expected = f64::from(n) / 4.0;
        assert!((f64::from(counts[0]) - expected).abs() < 5.0 * (0.75 * expected).sqrt(), "{counts:?}");
        assert_eq!(counts[1], 0);
    }

    #[test]
    fn known_facies_come_in_order_and_wrong_ones_are_told() {
        let of = |facies: &[(usize, u8)]| Conditioning {
            facies: facies.iter().map(|&(cell, value)| Known { cell, value }).collect(),
            ..Default::default()
        };
        let found = known_facies(&of(&[(7, 1), (2, 0), (7, 1)]), 9, 2).expect("fine");
        assert_eq!(found, [Known { cell: 2, value: 0 }, Known { cell: 7, value: 1 }]);
        let values = Conditioning { values: vec![Known { cell: 4, value: 0.5 }], ..Default::default() };
        for (data, words) in [
            (of(&[(7, 1), (2, 0), (7, 0)]), "cell 7: facies 1 and facies 0 compete"),
            (of(&[(9, 1)]), "cell 9: the grid has 9 cells"),
            (of(&[(3, 2)]), "cell 3: there is no facies 2 among 2"),
            (values, "cell 4: its property is known (0.5)"),
        ] {
            let said = known_facies(&data, 9, 2).expect_err("wrong").to_string();
            assert!(said.contains(words), "{said:?} should say {words:?}");
        }
    }
}
