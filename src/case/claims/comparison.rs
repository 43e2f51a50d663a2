//! What a claim compares, and how it fared.

use std::fmt;

use serde::Serialize;

use crate::report::metrics::Repeated;

/// How a claim fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Every part of it holds with 95 % confidence.
    Holds,
    /// A part of it is contradicted with 95 % confidence.
    DoesNotHold,
    /// The references are too few to tell, or a difference is within its interval.
    Undecided,
}

impl Finding {
    /// Of a whole, from its parts.
    pub(super) fn of(parts: &[Comparison]) -> Self {
        if parts.iter().any(|part| part.finding == Self::DoesNotHold) {
            Self::DoesNotHold
        } else if parts.iter().all(|part| part.finding == Self::Holds) {
            Self::Holds
        } else {
            Self::Undecided
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
        }
    }
}

/// One comparison that a claim makes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared, in words.
    pub what: String,
    /// The number over the references; the claim says that its mean is below `limit`.
    pub difference: Repeated,
    /// The limit.
    pub limit: f64,
    /// How it fared.
    pub finding: Finding,
}

impl Comparison {
    /// The claim that the mean of `values`, one a reference, is below `limit`.
    pub(super) fn mean_below(what: impl Into<String>, values: Vec<f64>, limit: f64) -> Self {
        Self::judged(what.into(), Repeated::of(values), limit)
    }

    /// The claim that the share of ones among `values`, each 0 or 1, is below `limit`.
    pub(super) fn share_below(what: impl Into<String>, values: Vec<f64>, limit: f64) -> Self {
        Self::judged(what.into(), Repeated::share(values), limit)
    }

    fn judged(what: String, difference: Repeated, limit: f64) -> Self {
        let finding = match difference.ci95 {
            Some([_, high]) if high < limit => Finding::Holds,
            Some([low, _]) if low > limit => Finding::DoesNotHold,
            _ => Finding::Undecided,
        };
        Self { what, difference, limit, finding }
    }

    /// The claim that `a` is below `b` by reference, in the mean, but for a tolerance of `slack`.
    pub(super) fn below(what: impl Into<String>, a: &[f64], b: &[f64], slack: f64) -> Self {
        assert_eq!(a.len(), b.len(), "the same references");
        Self::mean_below(what, a.iter().zip(b).map(|(a, b)| a - b).collect(), slack)
    }
}

/// A claim on a case, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Its number in the source.
    pub id: &'static str,
    /// The case that it was settled on.
    pub case: &'static str,
    /// What it says.
    pub claim: &'static str,
    /// References.
    pub references: u64,
    /// Its comparisons.
    pub comparisons: Vec<Comparison>,
    /// How it fared as a whole.
    pub finding: Finding,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, case, claim, references, finding, .. } = self;
        writeln!(f, "{id} on {case}, {references} references: {}\n  {claim}", finding.word())?;
        for c in &self.comparisons {
            let [low, high] = c.difference.ci95.unwrap_or([f64::NAN; 2]);
            let (mean, word) = (c.difference.mean, c.finding.word());
            writeln!(f, "    {word:13} {}: {mean:+.4} [{low:+.4}, {high:+.4}], claimed below {}", c.what, c.limit)?;
        }
        Ok(())
    }
}

/// The verdicts as CSV: a row a comparison.
pub(super) fn table(verdicts: &[Verdict]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "claim",
        "case",
        "references",
        "comparison",
        "mean",
        "low",
        "high",
        "limit",
        "finding",
        "claim_finding",
    ])?;
    for verdict in verdicts {
        for c in &verdict.comparisons {
            let [low, high] = c.difference.ci95.map_or([None; 2], |ends| ends.map(Some));
            writer.serialize((
                (verdict.id, verdict.case, verdict.references, &c.what),
                (c.difference.mean, low, high, c.limit),
                (c.finding.word(), verdict.finding.word()),
            ))?;
        }
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        let finding = |values: &[f64], limit| Comparison::mean_below("x", values.to_vec(), limit).finding;
        // Mean 2, half-width 2.48: from -0.48 to 4.48.
        assert_eq!(finding(&[1.0, 2.0, 3.0], 4.5), Finding::Holds);
        assert_eq!(finding(&[1.0, 2.0, 3.0], 4.4), Finding::Undecided);
        assert_eq!(finding(&[1.0, 2.0, 3.0], -0.5), Finding::DoesNotHold);
        assert_eq!(finding(&[1.0], 9.0), Finding::Undecided, "one reference has no interval");
        assert_eq!(Comparison::below("x", &[1.0, 1.0], &[1.5, 1.5], 0.0).finding, Finding::Holds);
    }

    #[test]
    fn a_whole_is_what_its_parts_are() {
        let part = |finding| Comparison { finding, ..Comparison::mean_below("x", vec![0.0, 0.0], 1.0) };
        let whole = |parts: &[Finding]| Finding::of(&parts.iter().map(|&f| part(f)).collect::<Vec<_>>());
        assert_eq!(whole(&[Finding::Holds, Finding::Holds]), Finding::Holds);
        assert_eq!(whole(&[Finding::Holds, Finding::Undecided]), Finding::Undecided);
        assert_eq!(whole(&[Finding::DoesNotHold, Finding::Undecided]), Finding::DoesNotHold);
    }

    #[test]
    fn the_table_has_a_row_a_comparison() {
        let comparisons = vec![Comparison::mean_below("a, b", vec![1.0, 1.0], 2.0)];
        let finding = Finding::of(&comparisons);
        let verdict = Verdict { id: "9.9", case: "c", claim: "it is so", references: 2, comparisons, finding };
        let text = String::from_utf8(table(&[verdict]).unwrap()).unwrap();
        assert_eq!(text.lines().nth(1), Some("9.9,c,2,\"a, b\",1.0,1.0,1.0,2.0,holds,holds"));
        assert_eq!(text.lines().count(), 2);
    }
}
