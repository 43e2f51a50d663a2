use ndarray::Array1;

use super::super::transform::tests::{golden, golden_field, hold, numbers};
use super::*;
use crate::basis::Basis;
use crate::operator::LinearOperator;

#[test]
fn coefficients_are_those_of_pywavelets() {
    for case in golden()["wavelets"].as_array().unwrap() {
        let cells: [usize; 3] = serde_json::from_value(case["cells"].clone()).unwrap();
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        let grid = Grid::unit(cells);
        let basis = WaveletBasis::new(&grid, number("moments"), Some(number("levels")), Window::Whole).unwrap();
        let (u, expected) = (golden_field(grid.len()), numbers(&case["coefficients"]));
        let v = basis.adjoint(u.view());
        assert_eq!(v.len(), expected.len());
        for (j, (v, known)) in v.iter().zip(&expected).enumerate() {
            assert!((v - known).abs() <= 1e-12, "{cells:?}, N = {}, column {j}: {v} and {known}", number("moments"));
        }
        assert!((basis.apply(v.view()) - u).iter().all(|e| e.abs() <= 1e-12), "{cells:?} there and back");
    }
}

#[test]
fn windows_are_the_first_columns_of_the_whole() {
    for (cells, moments, levels) in
        [([16, 16, 1], 10, None), ([8, 16, 4], 3, Some(2)), ([12, 20, 1], 1, None), ([1, 8, 1], 2, None)]
    {
        let grid = Grid::unit(cells);
        let whole = WaveletBasis::new(&grid, moments, levels, Window::Whole).unwrap();
        hold(&whole);
        let levels = whole.transform().levels();
        for scales in 0..=levels {
            let basis = WaveletBasis::new(&grid, moments, Some(levels), Window::Scales(scales)).unwrap();
            hold(&basis);
            let k = basis.cols();
            let difference = &basis.columns(0..k) - &whole.columns(0..k);
            assert!(difference.iter().all(|e| e.abs() <= 1e-14), "{cells:?}: {scales} scales");
            let size = basis.transform().size(scales);
            let same = WaveletBasis::new(&grid, moments, Some(levels), Window::Cells(size)).unwrap();
            assert_eq!(same.transform().scales(), scales);
        }
    }
}

#[test]
fn the_first_column_is_the_mean_and_details_of_smooth_fields_vanish() {
    let grid = Grid::unit([32, 32, 1]);
    for moments in 1..=10 {
        let basis = WaveletBasis::new(&grid, moments, None, Window::Whole).unwrap();
        let v = basis.adjoint(Array1::from_elem(1024, 3.0).view());
        assert!((v[0] - 96.0).abs() <= 1e-12 && v.iter().skip(1).all(|v| v.abs() <= 1e-12), "N = {moments}");
    }
}

#[test]
fn columns_and_coefficients_are_numbered_as_documented() {
    let basis = Wavelets::new(&Grid::unit([8, 4, 4]), 1, Some(2), Window::Whole).unwrap();
    assert_eq!(basis.coefficient(1), Coefficient { scale: 0, detail: [false; 3], position: [1, 0, 0] });
    assert_eq!(basis.coefficient(2), Coefficient { scale: 0, detail: [true, false, false], position: [0; 3] });
    assert_eq!(basis.coefficient(5), Coefficient { scale: 0, detail: [false, true, false], position: [1, 0, 0] });
    assert_eq!(basis.coefficient(127), Coefficient { scale: 1, detail: [true; 3], position: [3, 1, 1] });
    assert!((0..128).all(|j| basis.column(basis.coefficient(j)) == j));
}

#[test]
fn trees_have_the_counts_of_the_source() {
    let grid = Grid::unit([64, 64, 1]);
    for (window, bases, groups, size, expanded) in
        [(8, 64, 48, 4, 192), (16, 256, 192, 5, 960), (32, 1024, 768, 6, 4608), (64, 4096, 3072, 7, 21504)]
    {
        let basis = WaveletBasis::new(&grid, 10, None, Window::Cells([window, window, 1])).unwrap();
        let tree = basis.tree_groups();
        assert_eq!((basis.cols(), tree.len()), (bases, groups));
        assert!(tree.iter().all(|group| group.len() == size && group[0] == 0), "groups of {size} from the mean on");
        assert_eq!(tree.iter().map(Vec::len).sum::<usize>(), expanded);
    }
}

#[test]
fn every_coefficient_has_its_children_and_is_in_a_group() {
    for (cells, levels, children) in [([16, 8, 1], 3, 4), ([4, 4, 8], 2, 8), ([32, 1, 1], 3, 2)] {
        let basis = Wavelets::new(&Grid::unit(cells), 2, Some(levels), Window::Whole).unwrap();
        let mut of = vec![Vec::new(); basis.columns()];
        for column in 0..basis.columns() {
            if let Some(parent) = basis.parent(column) {
                of[parent].push(column);
            }
        }
        for (parent, of) in of.iter().enumerate() {
            let own = basis.coefficient(parent);
            let expected = match own.detail.contains(&true) {
                false => basis.orientations() - 1,
                true if own.scale + 1 == levels => 0,
                true => children,
            };
            assert_eq!(of.len(), expected, "{own:?}");
            for child in of.iter().map(|&child| basis.coefficient(child)).filter(|_| own.detail.contains(&true)) {
                assert_eq!((child.scale, child.detail), (own.scale + 1, own.detail));
                assert!((0..3).all(|a| child.position[a] / if cells[a] > 1 { 2 } else { 1 } == own.position[a]));
            }
        }
        let mut members: Vec<usize> = basis.tree_groups().concat();
        members.sort_unstable();
        members.dedup();
        assert_eq!(members.len(), basis.columns(), "no coefficient is left out");
    }
    let averages = Wavelets::new(&Grid::unit([12, 20, 1]), 2, None, Window::Scales(0)).unwrap();
    assert_eq!(averages.tree_groups(), (0..15).map(|j| vec![j]).collect::<Vec<_>>());
}

#[test]
fn the_same_bytes_on_one_thread() {
    let grid = Grid::unit([160, 96, 4]);
    let basis = WaveletBasis::new(&grid, 7, Some(2), Window::Whole).unwrap();
    let run = || {
        let v = basis.adjoint(golden_field(grid.len()).view());
        (basis.apply(v.view()), v)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(run(), pool.install(run));
}

#[test]
fn what_does_not_fit_is_told() {
    let message = |cells, moments, levels, window| {
        WaveletBasis::new(&Grid::unit(cells), moments, levels, window).unwrap_err().to_string()
    };
    let whole = Window::Whole;
    assert!(message([8, 8, 1], 0, None, whole).contains("0 vanishing moments"));
    assert!(message([8, 8, 1], 11, None, whole).contains("1 (Haar) to 10"));
    let text = message([100, 100, 9], 2, None, whole);
    assert!(text.contains("the 9 cells along z cannot be halved") && text.contains("not padded"), "{text}");
    let text = message([64, 100, 1], 2, Some(3), whole);
    assert!(text.contains("3 levels, but the 100 cells along y can be halved 2 times only"), "{text}");
    assert!(message([64, 100, 1], 2, Some(0), whole).contains("no level"));
    assert!(message([1, 1, 1], 2, None, whole).contains("one cell"));
    assert!(message([64, 64, 1], 2, None, Window::Scales(7)).contains("7 scales of details, where there are 6 levels"));
    let text = message([64, 64, 1], 2, Some(2), Window::Cells([8, 8, 1]));
    assert!(text.contains("a window of 8 x 8 x 1") && text.contains("16 x 16 x 1, 32 x 32 x 1, 64 x 64 x 1"), "{text}");
}
