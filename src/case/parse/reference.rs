//! What a solution is tried on: the reference, mappings and approximations of references.

use super::geology::gaussian;
use super::solution::read_feasible;
use super::{MANY, NOT_NEGATIVE, PART, name, need_in};
use crate::case::file::{
    Approximation, Feasible, Mapping, MappingVariant, Property, Published, Reference, ReferenceSource, Scenario,
};
use crate::case::reader::Section;
use crate::case::words;

pub(super) fn reference(section: Section<'_>, scenarios: &[Scenario], property: &Property) -> Option<Reference> {
    let names: Vec<_> = scenarios.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    let value = section.get("scenario");
    let field = section.section("gaussian");
    if value.is_some() && field.is_present() {
        let problem = "the reference is of a scenario, or a Gaussian field of its own";
        section.collector.missing(&section.key("gaussian"), problem, "give one of the keys scenario and gaussian");
    }
    if section.is_present() && value.is_none() && !field.is_present() && scenarios.len() > 1 {
        section.need("scenario", "the name of the reference's scenario, since there are several");
    }
    let source = value.and_then(|v| {
        if v.is_list() {
            let items = v.list(2, 100, "a scenario, or a list of those that it mixes")?;
            return items.iter().map(|v| v.choice(&names)).collect::<Option<Vec<_>>>().map(ReferenceSource::Mixed);
        }
        let known = names.iter().map(|&(name, i)| (name, Some(i)));
        let known: Vec<_> = known.chain((scenarios.len() > 1).then_some(("random", None))).collect();
        v.choice(&known).map(|choice| choice.map_or(ReferenceSource::Random, ReferenceSource::Scenario))
    });
    let own = field.is_present();
    let field = own.then(|| ReferenceSource::Gaussian(gaussian(field, property, true)));
    let seed = section.get("seed").and_then(|v| v.whole(1..=1 << 40)).unwrap_or(1);
    let is_present = section.is_present();
    section.finish();
    let source = field.or(source).unwrap_or(ReferenceSource::Scenario(0));
    is_present.then_some(Reference { source, seed })
}

/// What others found.
pub(super) fn published(sections: Vec<Section<'_>>) -> Vec<Published> {
    let published = |section: Section<'_>| {
        let what = section.need("what", "which errors, e.g. \"e1\"").and_then(|v| v.choice(&words::PUBLISHED));
        let row = section.need("row", "choices of the sweeps but the last, e.g. \"group\"").and_then(|v| v.text());
        let values = section.need("values", "a number for each choice of the last sweep").and_then(|v| {
            let items = v.list(1, 1000, "numbers")?;
            items.iter().map(|v| v.number("a number of 0 or more", NOT_NEGATIVE)).collect::<Option<Vec<_>>>()
        });
        section.finish();
        Some(Published { what: what?, row: row?.to_owned(), values: values? })
    };
    sections.into_iter().filter_map(published).collect()
}

pub(super) fn approximation(section: Section<'_>) -> Option<Approximation> {
    let references = section.get("references").and_then(|v| v.count(1..=MANY)).unwrap_or(1);
    let energies = section.get("energies").and_then(|v| {
        let items = v.list(1, 1000, "fractions of the energy, e.g. [0.5, 0.8, 0.95]")?;
        let energies: Vec<_> =
            items.iter().map(|v| v.fraction("a fraction above 0, up to 1", PART)).collect::<Option<_>>()?;
        match energies.windows(2).all(|w| w[0] < w[1]) {
            true => Some(energies),
            false => v.fail("the fractions are out of order", "give each once, the least first"),
        }
    });
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Approximation { references, energies: energies.unwrap_or_else(|| vec![0.8]) })
}

pub(super) fn mapping(section: Section<'_>, base: &Feasible) -> Option<Mapping> {
    let references = section.get("references").and_then(|v| v.count(1..=MANY)).unwrap_or(1);
    let iteration = section.get("iteration").and_then(|v| v.count(1..=MANY));
    let sections = need_in(&section, "variant", "at least one section [[mapping.variant]]").map(|v| v.sections());
    let variant = |section: Section<'_>| {
        let name = need_in(&section, "name", "a name").and_then(|v| name(&v)).unwrap_or_default();
        let feasible = read_feasible(&section, base);
        section.finish();
        MappingVariant { name, feasible }
    };
    let variants = sections.unwrap_or_default().into_iter().map(variant).collect();
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Mapping { references, iteration, variants })
}
