//! What a run leaves behind of its coefficients: themselves, their groups, images of the columns that they belong to.

use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};

use super::results::write_csv;
use super::study::{Grouped, Study};
use super::{files, summary};
use crate::basis::Basis;
use crate::error::Result;
use crate::inversion::{ACTIVE_SHARE, Iteration, active};

/// Leading columns that are kept as images.
const COLUMNS: usize = 24;
/// Groups of largest norm whose members are kept as images,
const GROUPS: usize = 6;
/// and how many of each.
const MEMBERS: usize = 12;

/// Writes `coefficients.npy` (copies in groups summed); of a basis of one block `basis_images.npy`, its first columns,
/// `[K, nz, ny, nx]`; of groups `groups.csv`, `group_members.csv`, `group_images.npy`, all numbered from 1.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(folder: &Path, study: &Study, best: &Iteration) -> Result<()> {
    let parameterization = &study.parameterization;
    let explicit = parameterization.explicit();
    let has_one_block =
        explicit.is_some() || parameterization.components().is_some() || parameterization.dictionary().is_some();
    if has_one_block && study.case.feasible.is_none() {
        let basis = explicit.map_or(study.basis(), |explicit| explicit.ungrouped());
        let columns = basis.columns(0..basis.cols().min(COLUMNS));
        write_images(&folder.join("basis_images.npy"), study, columns.t())?;
    }
    let path = folder.join("coefficients.npy");
    match explicit.and_then(|explicit| Some((explicit.ungrouped(), explicit.grouped()?))) {
        None => files::array(&path, best.v.view()),
        Some((basis, grouped)) => {
            files::array(&path, grouped.groups.sum(best.v.view()).view())?;
            write_groups(folder, study, basis, grouped, best)
        }
    }
}

fn write_groups(folder: &Path, study: &Study, basis: &dyn Basis, grouped: &Grouped, best: &Iteration) -> Result<()> {
    let (grouping, members) = (grouped.groups.grouping(), grouped.groups.members());
    let norms = grouping.euclidean_norms(best.v.view());
    let active = active(&norms);
    write_csv(&folder.join("groups.csv"), |csv| {
        csv.write_record(["group", "members", "weight", "norm", "active"])?;
        for (g, group) in grouping.groups().iter().enumerate() {
            csv.serialize((g + 1, group.columns.len(), group.weight, norms[g], u8::from(active[g])))?;
        }
        Ok(())
    })?;
    let mut largest: Vec<usize> = (0..norms.len()).collect();
    largest.sort_by(|&g, &h| norms[h].total_cmp(&norms[g]));
    largest.truncate(GROUPS);
    let shown: Vec<usize> =
        largest.iter().flat_map(|&g| grouping.groups()[g].columns.iter().copied().take(MEMBERS)).collect();
    let mut images = Array2::zeros((shown.len(), basis.rows()));
    for (mut image, &copy) in images.axis_iter_mut(Axis(0)).zip(&shown) {
        image.assign(&basis.columns(members[copy]..members[copy] + 1).column(0));
    }
    write_images(&folder.join("group_images.npy"), study, images.view())?;
    write_csv(&folder.join("group_members.csv"), |csv| {
        csv.write_record(["group", "column", "element_weight", "coefficient", "image"])?;
        for (g, group) in grouping.groups().iter().enumerate() {
            for (&copy, weight) in group.columns.iter().zip(&group.element_weights) {
                let image = shown.iter().position(|&other| other == copy).map(|at| at + 1);
                csv.serialize((g + 1, members[copy] + 1, weight, best.v[copy], image))?;
            }
        }
        Ok(())
    })
}

/// Images, one a row, as `[K, nz, ny, nx]` in single precision.
fn write_images(path: &Path, study: &Study, images: ArrayView2<'_, f64>) -> Result<()> {
    files::array(path, study.shaped_layers(images.as_standard_layout().mapv(|x| x as f32).view()))
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
