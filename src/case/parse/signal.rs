//! A signal: its groups, its measurements, how it is recovered.

use super::{MANY, PART, POSITIVE, format, name, need_in};
use crate::case::file::{Signal, SignalMethod, Weights};
use crate::case::reader::{Section, Value};

/// Most entries of a signal and measurements of it: matrices are dense.
const MOST: usize = 10_000;

/// Reads the whole case; what is wrong goes to the root's collector, and then the result is not to be used.
pub(in crate::case) fn signal(root: Section<'_>) -> Signal {
    format(&root);
    let section = root.section("signal");
    let entries = need_in(&section, "entries", "the number of entries").and_then(|v| v.count(1..=MOST)).unwrap_or(1);
    let group = need_in(&section, "group", "the entries of a group").and_then(|v| divisor(&v, entries)).unwrap_or(1);
    let groups = entries / group;
    let active = need_in(&section, "active", "the groups that differ from zero, e.g. [3, 8]");
    let active = active.and_then(|v| ascending(&v, groups, "numbers of groups, from 1")).unwrap_or_default();
    let measurements = need_in(&section, "measurements", "the numbers of measurements, e.g. [20, 40]");
    let measurements =
        measurements.and_then(|v| ascending(&v, MOST, "numbers of measurements")).unwrap_or_else(|| vec![1]);
    let sigma = section.get("sigma").and_then(|v| v.fraction("a share above 0, up to 1", PART)).unwrap_or(0.01);
    section.finish();
    let methods = methods(&root, entries);
    let weights = weights(root.section("weights"), &methods);
    let reference = root.section("reference");
    let number = reference.get("seed").and_then(|v| v.whole(1..=1 << 40)).unwrap_or(1);
    reference.finish();
    let signal = Signal {
        name: root.need("name", "a short name").and_then(|v| name(&v)).unwrap_or_default(),
        title: root.get("title").and_then(|v| v.text()).unwrap_or_default().to_owned(),
        seed: root.get("seed").and_then(|v| v.whole(0..=u64::MAX)).unwrap_or(1),
        entries,
        group,
        active: active.into_iter().map(|g| g - 1).collect(),
        measurements,
        sigma,
        reference: number,
        methods,
        weights,
    };
    root.finish();
    signal
}

/// A size of groups that fills all entries.
fn divisor(value: &Value<'_>, entries: usize) -> Option<usize> {
    match value.count(1..=MOST)? {
        group if !entries.is_multiple_of(group) => {
            value.fail(format!("groups of {group} do not fill {entries} entries"), "give a divisor of signal.entries")
        }
        group => Some(group),
    }
}

/// Whole numbers from 1 to `most`, each once, the least first.
fn ascending(value: &Value<'_>, most: usize, expected: &str) -> Option<Vec<usize>> {
    let numbers: Vec<usize> =
        value.list(1, MOST, expected)?.iter().map(|v| v.count(1..=most)).collect::<Option<_>>()?;
    match numbers.windows(2).all(|w| w[0] < w[1]) {
        true => Some(numbers),
        false => value.fail("the numbers are out of order", "give each once, the least first"),
    }
}

fn methods(root: &Section<'_>, entries: usize) -> Vec<SignalMethod> {
    const EXPECTED: &str = "at least one section [[method]]";
    let mut methods: Vec<SignalMethod> = Vec::new();
    let Some(list) = root.need("method", EXPECTED) else { return methods };
    let sections = list.sections();
    if sections.is_empty() && list.is_list() {
        list.wrong::<()>(EXPECTED);
    }
    for section in sections {
        let given = need_in(&section, "name", "a name");
        let method = given.as_ref().and_then(name).unwrap_or_default();
        if let (Some(value), true) = (&given, methods.iter().any(|other| other.name == method)) {
            value.fail::<()>(format!("two methods are called \"{method}\""), "give every method a name of its own");
        }
        let group = need_in(&section, "group", "the entries of a group, 1 for l1").and_then(|v| divisor(&v, entries));
        section.finish();
        methods.push(SignalMethod { name: method, group: group.unwrap_or(1) });
    }
    methods
}

fn weights(section: Section<'_>, methods: &[SignalMethod]) -> Option<Weights> {
    let names: Vec<_> = methods.iter().enumerate().map(|(i, method)| (method.name.as_str(), i)).collect();
    let method = section.get("method").and_then(|v| v.choice(&names)).unwrap_or(0);
    let measurements = need_in(&section, "measurements", "the number of measurements").and_then(|v| v.count(1..=MOST));
    let positive =
        |key, expected| need_in(&section, key, expected).and_then(|v| v.number("a number above 0", POSITIVE));
    let least = positive("least", "the least weight");
    let largest = positive("largest", "the largest weight");
    if let (Some(least), Some(largest)) = (least, largest)
        && least >= largest
        && let Some(value) = section.get("largest")
    {
        value.fail::<()>(format!("the largest weight is {largest}, the least {least}"), "let it be larger");
    }
    let count = section.get("count").and_then(|v| v.count(2..=MANY)).unwrap_or(50);
    let is_present = section.is_present();
    section.finish();
    is_present.then(|| Weights {
        method,
        measurements: measurements.unwrap_or(1),
        least: least.unwrap_or(1.0),
        largest: largest.unwrap_or(1.0),
        count,
    })
}
