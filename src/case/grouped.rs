//! What a run in a basis that is not made of realizations leaves behind: its coefficients, their groups, some images.

use std::path::Path;

use ndarray::Array2;

use super::results::write_csv;
use super::study::{Explicit, Study};
use super::{files, summary};
use crate::error::Result;
use crate::inversion::{ACTIVE_SHARE, Iteration, active};

/// Basis images that are kept.
const IMAGES: usize = 16;

/// Writes `coefficients.npy` (copies in groups summed), `basis.npy` (the first columns, `[K, nz, ny, nx]`), and with groups
/// `groups.csv` and `group_members.csv`, numbered from 1.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(folder: &Path, study: &Study, explicit: &Explicit, best: &Iteration) -> Result<()> {
    let basis = explicit.ungrouped();
    let images = basis.columns(0..basis.cols().min(IMAGES));
    let images: Array2<f64> = images.t().as_standard_layout().into_owned();
    files::array(&folder.join("basis.npy"), study.shaped_layers(images.view()))?;
    let Some(grouped) = explicit.grouped() else {
        return files::array(&folder.join("coefficients.npy"), best.v.view());
    };
    files::array(&folder.join("coefficients.npy"), grouped.groups.sum(best.v.view()).view())?;
    let grouping = grouped.groups.grouping();
    let norms = grouping.euclidean_norms(best.v.view());
    let active = active(&norms);
    write_csv(&folder.join("groups.csv"), |csv| {
        csv.write_record(["group", "members", "weight", "norm", "active"])?;
        for (g, group) in grouping.groups().iter().enumerate() {
            csv.serialize((g + 1, group.columns.len(), group.weight, norms[g], u8::from(active[g])))?;
        }
        Ok(())
    })?;
    let members = grouped.groups.members();
    write_csv(&folder.join("group_members.csv"), |csv| {
        csv.write_record(["group", "column", "element_weight", "coefficient"])?;
        for (g, group) in grouping.groups().iter().enumerate() {
            for (&copy, weight) in group.columns.iter().zip(&group.element_weights) {
                csv.serialize((g + 1, members[copy] + 1, weight, best.v[copy]))?;
            }
        }
        Ok(())
    })
}

/// What the summary says of the groups.
pub(super) fn of_summary(study: &Study, best: &Iteration) -> Option<summary::Groups> {
    let grouped = study.parameterization.explicit()?.grouped()?;
    let norms = grouped.groups.grouping().euclidean_norms(best.v.view());
    Some(summary::Groups {
        count: norms.len(),
        active: active(&norms).into_iter().filter(|&a| a).count(),
        share: ACTIVE_SHARE,
        columns: grouped.groups.copies().len(),
        expanded: grouped.groups.members().len(),
        dropped: grouped.groups.dropped().len(),
        explained: grouped.explained,
    })
}
