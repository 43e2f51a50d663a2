//! All mistakes of a case at once, each with its place: a collector that readers report to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::error::Error;

/// All mistakes found in one case, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The mistakes, at least one.
    pub fn all(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.0 {
            writeln!(f, "{diagnostic}")?;
        }
        match self.0.len() {
            1 => write!(f, "1 mistake"),
            n => write!(f, "{n} mistakes"),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Case(diagnostics.to_string())
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// File, line and column (`case.toml:3:9`), or the override on the command line.
    pub place: String,
    /// The key, e.g. `grid.cells` or `scenario[2].azimuth`; empty for mistakes of TOML itself.
    pub key: String,
    /// What is wrong: what was found, and what was expected.
    pub problem: String,
    /// How to mend it; may be empty.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// What kind of mistake it is: with broken TOML around, some would only follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text is no TOML.
    Syntax,
    /// A key that nobody asks for, or a value that cannot be used.
    Value,
    /// A key that is needed and not there, or not clear.
    Missing,
    /// Keys that are right by themselves and contradict each other.
    Contradiction,
}

/// The case's text and the overrides of the command line, put behind one another: an offset names a place in one.
#[derive(Debug, Clone)]
struct Source {
    start: usize,
    name: String,
    text: String,
    is_file: bool,
}

impl Source {
    fn place(&self, offset: usize) -> String {
        let mut end = (offset - self.start).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        if self.is_file { format!("{}:{line}:{column}", self.name) } else { format!("{}:{column}", self.name) }
    }
}

/// Where the spans of every key asked for are kept, and every mistake is reported to.
#[derive(Debug, Default)]
pub(super) struct Collector {
    sources: Vec<Source>,
    spans: RefCell<BTreeMap<String, Range<usize>>>,
    found: RefCell<Vec<(usize, Kind, Diagnostic)>>,
}

impl Collector {
    /// Adds a text and returns the offset of its first byte.
    pub(super) fn add_source(&mut self, name: &str, text: &str, is_file: bool) -> usize {
        let start = self.sources.last().map_or(0, |last| last.start + last.text.len() + 1);
        self.sources.push(Source { start, name: name.to_owned(), text: text.to_owned(), is_file });
        start
    }

    /// A collector of the same texts that knows nothing yet.
    pub(super) fn sibling(&self) -> Self {
        Self { sources: self.sources.clone(), ..Self::default() }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Takes over what another collector of the same texts found, said of `whom`.
    pub(super) fn adopt(&self, other: Self, whom: &str) {
        let found = other.found.into_inner().into_iter().map(|(start, kind, mut diagnostic)| {
            diagnostic.problem = format!("in {whom}: {}", diagnostic.problem);
            (start, kind, diagnostic)
        });
        self.found.borrow_mut().extend(found);
    }

    /// Remembers where `key` is.
    pub(super) fn remember(&self, key: &str, span: Range<usize>) {
        self.spans.borrow_mut().insert(key.to_owned(), span);
    }

    /// Where `key` is, or the nearest section around it that is there.
    pub(super) fn span(&self, key: &str) -> Range<usize> {
        let spans = self.spans.borrow();
        let mut key = key;
        loop {
            if let Some(span) = spans.get(key) {
                return span.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 0..0,
            }
        }
    }

    /// Reports a mistake at a span.
    pub(super) fn report(&self, kind: Kind, span: Range<usize>, key: &str, problem: String, remedy: String) {
        let place = self.sources.iter().rev().find(|s| s.start <= span.start).map(|s| s.place(span.start));
        let diagnostic = Diagnostic { place: place.unwrap_or_default(), key: key.to_owned(), problem, remedy };
        self.found.borrow_mut().push((span.start, kind, diagnostic));
    }

    /// Reports a key that is needed and not there, or not clear, because of what is around it.
    pub(super) fn missing(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.report(Kind::Missing, self.span(key), key, problem.into(), remedy.into());
    }

    /// Reports keys that contradict each other, at the key that should change.
    pub(super) fn contradiction(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.report(Kind::Contradiction, self.span(key), key, problem.into(), remedy.into());
    }

    /// Whether these keys (and what is around and below them) are there and have values that can be used, so that
    /// checks which combine them mean something.
    pub(super) fn sound(&self, keys: &[&str]) -> bool {
        let below = |found: &str, key: &str| {
            found.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let touches = |found: &str| keys.iter().any(|key| below(found, key) || below(key, found));
        !self.found.borrow().iter().any(|(_, kind, d)| *kind != Kind::Contradiction && touches(&d.key))
    }

    /// All mistakes, in the order of the text; after broken TOML only those that do not follow from it.
    pub(super) fn finish(self) -> Option<Diagnostics> {
        let mut found = self.found.into_inner();
        if found.iter().any(|(_, kind, _)| *kind == Kind::Syntax) {
            found.retain(|(_, kind, _)| matches!(kind, Kind::Syntax | Kind::Value));
        }
        found.sort_by_key(|(start, _, _)| *start);
        let mut all: Vec<_> = found.into_iter().map(|(_, _, diagnostic)| diagnostic).collect();
        all.dedup();
        if all.is_empty() { None } else { Some(Diagnostics(all)) }
    }
}
