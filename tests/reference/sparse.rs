//! Minimisers under group and l1 penalties against those that skglm and an active-set Newton method found (`sparse/`).

use lithoscope::inversion::{Group, GroupedLeastSquares, Grouping};
use lithoscope::testing::reference;
use ndarray::{Array0, Array1, Array2};
use ndarray_npy::read_npy;

/// The grouping of labels, one a column.
fn grouping(labels: &[i32]) -> Grouping {
    let count = labels.iter().max().map_or(0, |&most| most + 1);
    let group = |label: i32| {
        let columns: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == label).collect();
        Group { element_weights: vec![1.0; columns.len()], columns, weight: 1.0 }
    };
    Grouping::new(labels.len(), (0..count).map(group).collect()).unwrap()
}

#[test]
fn minimizers_are_those_of_the_reference() {
    let Some(folder) = reference("sparse") else { return };
    for name in ["p64x466", "p1024x466", "p98x2411"] {
        let a: Array2<f64> = read_npy(folder.join(format!("{name}_G.npy"))).unwrap();
        let b: Array1<f64> = read_npy(folder.join(format!("{name}_d.npy"))).unwrap();
        let labels: Array1<i32> = read_npy(folder.join(format!("{name}_groups.npy"))).unwrap();
        let groups = grouping(labels.as_slice().unwrap());
        let singles = Grouping::singles(Array1::ones(a.ncols()).view()).unwrap();
        for (kind, grouping) in [("group", &groups), ("l1", &singles)] {
            let alpha: Array0<f64> = read_npy(folder.join(format!("{name}_{kind}_alpha.npy"))).unwrap();
            let minimizer: Array1<f64> = read_npy(folder.join(format!("{name}_{kind}_v.npy"))).unwrap();
            // The reference halves the squares: λ² = 2 α.
            let weight = 2.0 * alpha.into_scalar();
            let objective = |v: &Array1<f64>| {
                let residual = &b - &a.dot(v);
                residual.dot(&residual) + weight * grouping.value(v.view())
            };
            let found = GroupedLeastSquares::new(a.view(), b.view(), grouping).minimize(weight, None);
            let (ours, theirs) = (objective(&found.v), objective(&minimizer));
            assert!((ours - theirs).abs() <= 1e-10 * theirs, "{name} {kind}: {ours} against {theirs}");
            assert!((found.misfit + weight * found.penalty - ours).abs() <= 1e-9 * ours, "{name} {kind}");
            assert!(found.violation <= 1e-9, "{name} {kind}: optimal within {:e}", found.violation);
            let active: Vec<bool> = grouping.norms(minimizer.view()).iter().map(|&n| n > 0.0).collect();
            assert_eq!(found.active, active, "{name} {kind}");
            for (group, &is) in grouping.groups().iter().zip(&active) {
                assert!(is || group.columns.iter().all(|&i| found.v[i] == 0.0), "{name} {kind}: exactly zero");
            }
        }
    }
}
