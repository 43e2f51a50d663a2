//! The prior: how realizations are drawn, what they are conditioned on, and the basis made of them.

use std::path::Path;

use super::flow::cell;
use super::{ANY, MANY, PART, SHARE, missing, need_in, path, proportions};
use crate::basis::wavelet::MOST_MOMENTS;
use crate::case::file::{
    Basis, BasisKind, Condition, Dictionary, DirectSampling, Geology, Groups, Hard, HardData, HardDatum, Kriging,
    Method, Prior, Property, Rank, Scenario, Sequential, Snesim, Stack,
};
use crate::case::reader::Section;
use crate::case::words;
use crate::grid::Grid;

/// Members that groups of sparse principal components have on average.
const USUAL_MEMBERS: f64 = 20.0;

pub(super) fn prior(section: Section<'_>, scenarios: &[Scenario], stack: Option<&Stack>) -> Prior {
    let realizations = section.get("realizations").and_then(|v| v.count(2..=MANY)).unwrap_or(500);
    let condition = section.get("condition").and_then(|v| match v.is_text() {
        true => v.choice(&[("hard-data", Condition::HardData)]),
        false => v.flag().map(|all| if all { Condition::All } else { Condition::Nothing }),
    });
    let condition = condition.unwrap_or(Condition::Nothing);
    let described = stack.map_or(scenarios, |stack| &stack.types);
    let has_image = described.iter().any(|s| s.geology.has_image());
    let has_indicators = described.iter().any(|s| matches!(s.geology, Geology::Indicator(_)));
    let snesim = snesim(section.section("snesim"));
    let direct_sampling = direct_sampling(section.section("direct_sampling"));
    let sgsim = sequential(section.section("sgsim"));
    let sisim = sequential(section.section("sisim"));
    let methods = [
        ("snesim", Method::Snesim(snesim.clone())),
        ("direct-sampling", Method::DirectSampling(direct_sampling)),
        ("gaussian", Method::Gaussian),
        ("sgsim", Method::Sgsim(sgsim)),
        ("sisim", Method::Sisim),
    ];
    let indices: [_; 5] = std::array::from_fn(|i| (methods[i].0, i));
    let chosen = section.get("method").and_then(|v| v.choice(&indices));
    section.finish();
    let method = match chosen {
        Some(i) => methods[i].1.clone(),
        None if has_image || scenarios.is_empty() => Method::Snesim(snesim),
        None if has_indicators => Method::Sisim,
        None => Method::Gaussian,
    };
    Prior { realizations, condition, method, sisim: has_indicators.then_some(sisim) }
}

fn snesim(section: Section<'_>) -> Snesim {
    let template = section.get("template").and_then(|v| {
        v.triple("two or three odd numbers", 1, |v| match v.count(1..=99) {
            Some(n) if n % 2 == 0 => v.wrong("an odd number, which has a centre"),
            n => n,
        })
    });
    let proportions = section.get("proportions").and_then(|v| proportions(&v, 0, "a share from 0 to 1", SHARE));
    let servo = section.get("servo").and_then(|v| v.number("a number from 0 to below 1", |x| (0.0..1.0).contains(&x)));
    let snesim = Snesim {
        template: template.unwrap_or([7, 7, 1]),
        grids: section.get("grids").and_then(|v| v.count(1..=16)).unwrap_or(4),
        servo: servo.unwrap_or(0.5),
        minimum_replicates: section.get("minimum_replicates").and_then(|v| v.count(1..=MANY)).unwrap_or(10),
        maximum_informed: section.get("maximum_informed").and_then(|v| v.count(1..=10_000)).unwrap_or(48),
        resimulations: section.get("resimulations").and_then(|v| v.count(0..=100)).unwrap_or(1),
        proportions: proportions.unwrap_or_default(),
    };
    section.finish();
    snesim
}

fn direct_sampling(section: Section<'_>) -> DirectSampling {
    let threshold = section.get("threshold").and_then(|v| v.number("a distance from 0 to 1", SHARE));
    let fraction = section.get("fraction").and_then(|v| v.fraction("a fraction above 0, up to 1", PART));
    let neighbours = section.get("neighbours").and_then(|v| v.count(1..=1000));
    section.finish();
    DirectSampling {
        neighbours: neighbours.unwrap_or(30),
        threshold: threshold.unwrap_or(0.05),
        fraction: fraction.unwrap_or(0.3),
    }
}

fn sequential(section: Section<'_>) -> Sequential {
    let kriging = section.get("kriging").and_then(|v| v.choice(&words::KRIGINGS));
    let neighbours = section.get("neighbours").and_then(|v| v.count(1..=64));
    section.finish();
    Sequential { kriging: kriging.unwrap_or(Kriging::Simple), neighbours: neighbours.unwrap_or(24) }
}

pub(super) fn hard_data(section: Section<'_>, grid: &Grid, property: &Property, directory: &Path) -> Option<HardData> {
    let file = section.get("file").and_then(|v| path(&v, directory));
    let has_cells = section.get("cells").is_some();
    let cells = section.sections("cells").into_iter().filter_map(|s| hard_datum(s, grid, property)).collect();
    if section.is_present() && file.is_none() && !has_cells {
        section.need("cells", "measured cells, e.g. [{ cell = [50, 50], facies = 1 }], or a file");
    }
    let observed = section.get("observed").and_then(|v| v.flag()).unwrap_or(true);
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(HardData { file, cells, observed })
}

fn hard_datum(section: Section<'_>, grid: &Grid, property: &Property) -> Option<HardDatum> {
    let cell = section.need("cell", "the cell's numbers (i, j, k), from 1").and_then(|v| cell(&v, grid));
    let facies = section.get("facies").and_then(|v| match property.facies.len() {
        0 => v.fail("the property has no facies", "give a value"),
        k => v.count(0..=k - 1).map(|code| Hard::Facies(code as u8)),
    });
    let value = section.get("value").and_then(|v| v.number("a number in the property's unit", ANY));
    let value = value.map(|y| Hard::Value(property.carried(y)));
    if facies.is_some() == value.is_some() && section.is_present() {
        let key = section.key("facies");
        if section.collector.sound(&[&key, &section.key("value")]) {
            section.collector.missing(&key, "a measured cell has a facies or a value", "give one of them");
        }
    }
    section.finish();
    Some(HardDatum { cell: cell?, known: facies.or(value)? })
}

/// The keys of [basis].
pub(super) fn basis(section: Section<'_>, root: &Section<'_>, scenarios: usize, grid: &Grid) -> Basis {
    missing(&section, root, "basis", "the section [basis] with rank or energy");
    let kind = section.get("kind").and_then(|v| v.choice(&words::BASES)).unwrap_or(if scenarios > 1 {
        BasisKind::Hybrid
    } else {
        BasisKind::Pca
    });
    let kind = own_keys(&section, kind, grid);
    let center = section.get("center").and_then(|v| v.flag()).unwrap_or(kind != BasisKind::Hybrid);
    let (kind, rank) = match (kind, kind.columns(grid)) {
        (BasisKind::KSvd(usual), _) => {
            let dictionary = dictionary(&section, usual);
            (BasisKind::KSvd(dictionary), Rank::Fixed(dictionary.atoms))
        }
        (other, Some(columns)) => (other, Rank::Fixed(columns)),
        (other, None) => (other, rank(&section)),
    };
    section.finish();
    Basis { kind, rank, center }
}

/// A kind of basis with the keys that it alone has.
fn own_keys(section: &Section<'_>, kind: BasisKind, grid: &Grid) -> BasisKind {
    let counts = |key, expected| section.get(key).and_then(|v| v.triple(expected, 1, |v| v.count(1..=MANY)));
    match kind {
        BasisKind::Dct { .. } => {
            let (has_box, has_rank) = (section.get("box").is_some(), section.get("rank").is_some());
            if has_box && has_rank {
                let problem = "box and rank both say how many columns there are";
                section.collector.missing(&section.key("rank"), problem, "give one of them");
            }
            let lowest = match has_box || !has_rank {
                false => None,
                true => need_in(section, "box", "the frequencies kept along each axis, e.g. [16, 16]; or a rank")
                    .and_then(|_| counts("box", "two or three numbers of frequencies, e.g. [16, 16]"))
                    .or(Some([1; 3])),
            };
            BasisKind::Dct { lowest }
        }
        BasisKind::Wavelet { vanishing_moments, .. } => BasisKind::Wavelet {
            vanishing_moments: section
                .get("vanishing_moments")
                .and_then(|v| v.count(1..=MOST_MOMENTS))
                .unwrap_or(vanishing_moments),
            window: counts("window", "two or three numbers of coefficients, e.g. [16, 16]"),
        },
        BasisKind::Zonation { zones, .. } => {
            let usual = std::array::from_fn(|a| zones[a].min(grid.cells[a]));
            BasisKind::Zonation {
                zones: counts("zones", "two or three numbers of zones, e.g. [8, 8]").unwrap_or(usual),
                refined: section.get("refined_zones").and_then(|v| v.count(1..=MANY)),
            }
        }
        other => other,
    }
}

/// The section of groups.
pub(super) fn groups(section: Section<'_>) -> Option<Groups> {
    let kinds = [("tree", false), ("sparse-pca", true)];
    let is_sparse_pca = need_in(&section, "kind", "\"tree\" or \"sparse-pca\"").and_then(|v| v.choice(&kinds));
    let groups = is_sparse_pca.map(|is_sparse_pca| match is_sparse_pca {
        false => Groups::Tree,
        true => Groups::SparsePca {
            count: need_in(&section, "count", "the number of groups").and_then(|v| v.count(1..=MANY)).unwrap_or(1),
            members: section
                .get("members")
                .and_then(|v| v.number("a mean number of members, 1 or more", |x| x >= 1.0))
                .unwrap_or(USUAL_MEMBERS),
        },
    });
    section.finish();
    groups
}

/// The keys of a learned dictionary. Those of other bases may stand beside them, so that a variant can change the kind.
fn dictionary(section: &Section<'_>, usual: Dictionary) -> Dictionary {
    section.get("rank");
    section.get("energy");
    let count = |key| section.get(key).and_then(|v| v.count(1..=MANY));
    Dictionary {
        atoms: count("atoms").unwrap_or(usual.atoms),
        sparsity: count("sparsity").unwrap_or(usual.sparsity),
        learned_rank: count("learned_rank").unwrap_or(usual.learned_rank),
        iterations: section.get("iterations").and_then(|v| v.count(1..=10_000)).map_or(usual.iterations, |n| n as u32),
        exact: section.get("updates").and_then(|v| v.choice(&words::UPDATES)).unwrap_or(usual.exact),
    }
}

/// The keys rank and energy, of which one says how many columns there are.
pub(super) fn rank(section: &Section<'_>) -> Rank {
    let rank = section.get("rank").map(|v| {
        if v.is_list() {
            let items = v.list(2, 2, "one number of columns, or the first and the last: [20, 50]")?;
            let (first, last) = (items[0].count(1..=MANY)?, items[1].count(1..=MANY)?);
            Some(Rank::Growing { first, last })
        } else {
            v.count(1..=MANY).map(Rank::Fixed)
        }
    });
    let energy = section.get("energy").map(|v| v.fraction("a fraction above 0, up to 1", PART).map(Rank::Energy));
    match (rank.is_some(), energy.is_some()) {
        (true, true) => {
            let problem = "rank and energy both say how many columns there are";
            section.collector.missing(&section.key("energy"), problem, "give one of them");
        }
        (false, false) => {
            need_in(section, "rank", "a number of columns, or the first and the last: [20, 50]; or an energy");
        }
        _ => {}
    }
    rank.flatten().or(energy.flatten()).unwrap_or(Rank::Fixed(1))
}
