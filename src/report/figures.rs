//! Charts as inline SVG: axes with ticks and units, lines, markers, bars. Colours are classes of the style sheet, so
//! that one text serves light, dark and paper.

use std::fmt::Write;

/// Escapes text for HTML and SVG, inside elements and attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A number with four significant digits, as it is written in text: `0.1432`, `12 340`, `1.2 × 10⁻⁵`.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return "—".into();
    }
    let exponent = value.abs().log10().floor() as i32;
    let text = if (-3..6).contains(&exponent) {
        trimmed(&format!("{value:.*}", (3 - exponent).max(0) as usize))
    } else {
        let mantissa = trimmed(&format!("{:.3}", value / 10f64.powi(exponent)));
        format!("{mantissa} × 10{}", superscript(exponent))
    };
    text.replace('-', "−")
}

fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
}

fn superscript(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raised).collect()
}

/// The unit that times up to `longest` seconds are written in: its length in seconds, and its name.
pub fn time_unit(longest: f64) -> (f64, &'static str) {
    let units = [(86400.0, "days"), (3600.0, "h"), (60.0, "min")];
    units.into_iter().find(|(length, _)| longest >= 2.0 * length).unwrap_or((1.0, "s"))
}

/// Round values from `low` to `high`, about `count` of them, with their texts.
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / count.max(1) as f64;
    if rough.is_nan() || rough <= 0.0 || !rough.is_finite() {
        return vec![(low, number(low))];
    }
    let decade = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|s| *s >= 0.999 * rough).unwrap_or(rough);
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(|i| (i as f64 * step, number(i as f64 * step))).collect()
}

/// An axis: its label with unit, its ends, its kind.
#[derive(Debug, Clone)]
pub struct Axis {
    label: String,
    low: f64,
    high: f64,
    log: bool,
    names: Vec<(f64, String)>,
}

impl Axis {
    /// An axis without label from `low` to `high`, with names at some of its values.
    pub fn named(low: f64, high: f64, names: Vec<(f64, String)>) -> Self {
        Self { names, ..Self::linear("", low, high) }
    }

    /// A linear axis from `low` to `high`.
    pub fn linear(label: &str, low: f64, high: f64) -> Self {
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        Self { label: label.into(), low, high, log: false, names: Vec::new() }
    }

    /// An axis around `values`, with a margin: logarithmic if it may be and all values are positive.
    pub fn around(label: &str, values: impl Iterator<Item = f64>, log: bool) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.is_empty() {
            return Self::linear(label, 0.0, 1.0);
        }
        if log && low > 0.0 {
            let margin = (high / low).powf(0.06).max(1.05);
            return Self { log, ..Self::linear(label, low / margin, high * margin) };
        }
        let margin = if high > low { 0.05 * (high - low) } else { 0.05 * high.abs().max(1e-12) };
        Self::linear(label, low - margin, high + margin)
    }

    /// The ends of the axis.
    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Where `value` is, 0 to 1.
    fn at(&self, value: f64) -> f64 {
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        if !self.log {
            return ticks(self.low, self.high, 5);
        }
        let decades = (self.high / self.low).log10();
        let multiples: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let every = (decades / 6.0).ceil().max(1.0) as i32;
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let all = (first..=last).filter(|d| d.rem_euclid(every) == 0);
        let all = all.flat_map(|d| multiples.iter().map(move |m| m * 10f64.powi(d)));
        let inside: Vec<_> = all.filter(|v| (self.low..=self.high).contains(v)).map(|v| (v, number(v))).collect();
        if inside.len() > 1 { inside } else { ticks(self.low, self.high, 4) }
    }
}

/// A chart under construction. Series are named by the class that colours them: `a` is Φv, `b` is u, `c` is neutral.
#[derive(Debug)]
pub struct Chart {
    width: f64,
    height: f64,
    x: Axis,
    y: Axis,
    marks: String,
    legend: String,
}

const LEFT: f64 = 76.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 46.0;

impl Chart {
    /// An empty chart.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { width: 500.0, height: 320.0, x, y, marks: String::new(), legend: String::new() }
    }

    /// The same, empty, over the whole width of the page.
    #[must_use]
    pub fn wide(self) -> Self {
        Self { width: 1060.0, ..self }
    }

    /// The same, empty, low enough for many below one another.
    #[must_use]
    pub fn low(self) -> Self {
        Self { height: 190.0, ..self }
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (w, h) = (self.width - LEFT - RIGHT, self.height - TOP - BOTTOM);
        (LEFT + w * self.x.at(x), TOP + h * (1.0 - self.y.at(y)))
    }

    fn label(&mut self, class: &str, text: &str) {
        if !text.is_empty() {
            let _ = write!(self.legend, "<li class=\"key {class}\">{}</li>", escape(text));
        }
    }

    /// A line through `points`.
    pub fn line(&mut self, points: &[(f64, f64)], class: &str, label: &str) {
        self.label(&format!("line {class}"), label);
        let path: String = points
            .iter()
            .map(|p| {
                let (x, y) = self.place(*p);
                format!("{x:.1},{y:.1} ")
            })
            .collect();
        let _ = write!(self.marks, "<polyline class=\"{class}\" points=\"{}\"/>", path.trim_end());
    }

    /// Dots (`square` false) or squares at `points`, each with its text for who points at it.
    pub fn dots(&mut self, points: &[(f64, f64, String)], class: &str, square: bool, label: &str) {
        self.label(&format!("dot {class}{}", if square { " square" } else { "" }), label);
        for (x, y, text) in points {
            let (px, py) = self.place((*x, *y));
            let title = if text.is_empty() { String::new() } else { format!("<title>{}</title>", escape(text)) };
            let _ = if square {
                let (left, top) = (px - 3.0, py - 3.0);
                write!(
                    self.marks,
                    "<rect class=\"mark {class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"6\" \
                     height=\"6\">{title}</rect>"
                )
            } else {
                write!(
                    self.marks,
                    "<circle class=\"mark {class}\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3.2\">{title}</circle>"
                )
            };
        }
    }

    /// Separate straight lines from point to point: stems, error bars.
    pub fn segments(&mut self, ends: &[[(f64, f64); 2]], class: &str, label: &str) {
        self.label(&format!("line {class}"), label);
        let path: String = (ends.iter())
            .map(|&[from, to]| {
                let ((x0, y0), (x1, y1)) = (self.place(from), self.place(to));
                format!("M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}")
            })
            .collect();
        let _ = write!(self.marks, "<path class=\"segments {class}\" d=\"{path}\"/>");
    }

    /// A shade over everything from `from` to `to` on the horizontal axis.
    pub fn band(&mut self, from: f64, to: f64, class: &str, label: &str) {
        self.label(&format!("bar {class}"), label);
        let (left, right) = (self.place((from, self.y.low)).0, self.place((to, self.y.low)).0);
        let height = self.height - TOP - BOTTOM;
        let _ = write!(
            self.marks,
            "<rect class=\"band {class}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            right - left
        );
    }

    /// A horizontal line at `y`.
    pub fn level(&mut self, y: f64, class: &str, label: &str) {
        let ends = [(self.x.low, y), (self.x.high, y)];
        self.line(&ends, &format!("rule {class}"), label);
    }

    /// The line y = x, from corner to corner of a chart whose axes have the same ends.
    pub fn diagonal(&mut self, class: &str, label: &str) {
        self.line(&[(self.x.low, self.y.low), (self.x.high, self.y.high)], class, label);
    }

    /// Bars from zero between consecutive `edges`.
    pub fn bars(&mut self, edges: &[f64], heights: &[f64], class: &str, label: &str) {
        self.label(&format!("bar {class}"), label);
        for (i, &height) in heights.iter().enumerate().filter(|(_, h)| **h > 0.0) {
            let ((x0, y0), (x1, y1)) = (self.place((edges[i], height)), self.place((edges[i + 1], 0.0)));
            let (w, h) = (x1 - x0, y1 - y0);
            let _ = write!(
                self.marks,
                "<rect class=\"bar {class}\" x=\"{x0:.1}\" y=\"{y0:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>"
            );
        }
    }

    /// SVG of what is drawn until now becomes a group that the page can address by `attributes`.
    pub fn group(&mut self, attributes: &str, draw: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.marks);
        draw(self);
        let inside = std::mem::replace(&mut self.marks, before);
        let _ = write!(self.marks, "<g {attributes}>{inside}</g>");
    }

    /// A vertical line that the page moves to the iteration that it shows.
    pub fn iteration_cursor(&mut self) {
        let (zero, one) = (self.place((0.0, self.y.low)).0, self.place((1.0, self.y.low)).0);
        let (top, bottom) = (TOP, self.height - BOTTOM);
        let _ = write!(
            self.marks,
            "<line class=\"cursor\" data-zero=\"{zero:.3}\" data-step=\"{:.3}\" y1=\"{top}\" y2=\"{bottom}\" \
             visibility=\"hidden\"/>",
            one - zero
        );
    }

    /// The figure: a heading, its legend, the chart, and a line below; `description` is what a screen reader says.
    pub fn figure(self, heading: &str, description: &str, note: &str) -> String {
        let (w, h) = (self.width, self.height);
        let (right, bottom) = (w - RIGHT, h - BOTTOM);
        let mut axes = String::new();
        for (value, text) in self.x.ticks() {
            let x = self.place((value, self.y.low)).0;
            let _ = write!(
                axes,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                bottom + 17.0
            );
        }
        for (value, text) in self.y.ticks() {
            let y = self.place((self.x.low, value)).1;
            let _ = write!(
                axes,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 7.0,
                y + 4.0
            );
        }
        let (middle, centre) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        let legend =
            if self.legend.is_empty() { String::new() } else { format!("<ul class=\"legend\">{}</ul>", self.legend) };
        let note = if note.is_empty() { String::new() } else { format!("<p class=\"note\">{note}</p>") };
        format!(
            "<figure class=\"chart\"><figcaption>{}</figcaption>{legend}\
             <svg viewBox=\"0 0 {w} {h}\" style=\"max-width:{w}px\" role=\"img\" aria-label=\"{}\">{axes}\
             <rect class=\"frame\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>{}\
             <text class=\"label\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(15 {centre:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\
             </svg>{note}</figure>",
            escape(heading),
            escape(description),
            right - LEFT,
            bottom - TOP,
            self.marks,
            h - 8.0,
            escape(&self.x.label),
            escape(&self.y.label),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_print() {
        let cases = [(0.0, "0"), (0.143_249, "0.1432"), (12.0, "12"), (-3.5, "−3.5"), (123_456.0, "123456")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1.2e-5), "1.2 × 10⁻⁵");
        assert_eq!(number(-6.02e23), "−6.02 × 10²³");
        assert_eq!(number(f64::NAN), "—");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let values: Vec<f64> = ticks(0.0, 1000.0, 5).into_iter().map(|t| t.0).collect();
        assert_eq!(values, [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(ticks(3.0, 3.0, 5).len(), 1, "an axis without extent has one tick");
        let axis = Axis::around("misfit", [3.0, 4000.0].into_iter(), true);
        let texts: Vec<String> = axis.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(texts, ["10", "100", "1000"]);
    }

    #[test]
    fn text_from_the_folder_cannot_become_markup() {
        assert_eq!(escape("<b a='1'>&\"</b>"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;&lt;/b&gt;");
    }
}
