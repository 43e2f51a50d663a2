//! GSLIB (Geo-EAS) text, and the flavours of it that training images come in.
//!
//! ```text
//! 3 4 5              a free title, or nx ny nz [sx sy sz [ox oy oz]], or SGeMS's name (3x4x5)
//! 2                  number of variables; CCG: nvar nx ny nz xmn ymn zmn xsiz ysiz zsiz [nreal]
//! facies             a line a variable
//! porosity
//! 0  0.21            a line a cell: x fastest, then y (northward), then z (upward), then realizations
//! ```
//!
//! geone writes `#` lines with `NX 3` … `OZ 0.0` instead, and the names in one line. Origins on line 1 and in `#` lines
//! are the corner of the first cell, xmn ymn zmn its centre. Columns are parted by blanks, tabs or commas; lines end by
//! LF, CRLF or CR; `1.0D+00` is a number. Deutsch and Journel 1998, *GSLIB*, Oxford.

use std::io::Write;
use std::path::Path;

use super::{Raster, Variable, cell_count, text, wrong_cells};
use crate::error::{Error, Result};

/// Values that stand for "missing" beside NaN, `*****` and anything beyond ±10²¹ (GSLIB's trimming limits).
const MISSING: [f64; 3] = [-999.0, -9999.0, -9_966_699.0];

/// A table of points, one variable a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The columns, all of one length; missing values are NaN.
    pub columns: Vec<Vec<f64>>,
    /// What the reader assumed.
    pub notes: Vec<String>,
}

/// Reads a grid. `cells` says its size where the file does not; where both do they must agree.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path, cells: Option<[usize; 3]>) -> Result<Raster> {
    parse(&path.display().to_string(), &super::bytes(path)?, cells)
}

/// Reads a set of points, such as hard data: columns are x, y, z and values, as the names say.
///
/// # Errors
/// As [`parse`], without what concerns the grid.
pub fn read_points(path: &Path) -> Result<Points> {
    parse_points(&path.display().to_string(), &super::bytes(path)?)
}

/// As [`read`], from bytes; `place` is what errors call the file.
///
/// # Errors
/// An empty file, text that is not UTF-8, a header that cannot be understood, a value that is no number, a line with
/// too few or too many values, a number of lines that is no multiple of the number of cells, no size of the grid.
pub fn parse(place: &str, bytes: &[u8], cells: Option<[usize; 3]>) -> Result<Raster> {
    let mut lines = Lines::new(place, text(place, bytes)?);
    let header = header(&mut lines)?;
    let cells = match (header.cells, cells) {
        (Some(own), Some(asked)) if own != asked => return Err(wrong_cells(place, own, asked)),
        (Some(own), _) => own,
        (None, Some(asked)) => asked,
        (None, None) => {
            let problem = "neither the file nor the case says the size of the grid";
            return Err(Error::input(
                lines.place(1),
                problem,
                "write nx ny nz in the first line, or set the size (of a training image by image.cells)",
            ));
        }
    };
    let n = cell_count(&lines.place(1), cells)?;
    let table = table(&mut lines, header.names.len())?;
    let rows = table.columns[0].len();
    let wanted = header.realizations.map(|r| r.saturating_mul(n));
    if rows == 0 || rows % n != 0 || wanted.is_some_and(|wanted| wanted != rows) {
        let [nx, ny, nz] = cells;
        let copies = header.realizations.filter(|r| *r != 1).map(|r| format!(" x {r} realizations"));
        let problem = format!(
            "the file holds {rows} values a variable, {nx} x {ny} x {nz}{} = {} were expected",
            copies.unwrap_or_default(),
            wanted.unwrap_or(n)
        );
        let remedy = if rows < n { "the file is cut off, or its sizes are wrong" } else { "check the sizes" };
        return Err(Error::input(lines.place(lines.last), problem, remedy));
    }
    let mut notes = header.notes;
    notes.push("order: x fastest, then y (northward), then z (upward)".into());
    if rows > n {
        notes.push(format!("{} realizations, stacked one after the other", rows / n));
    }
    notes.extend(table.notes);
    let variables =
        header.names.into_iter().zip(table.columns).map(|(name, values)| Variable { name, values }).collect();
    Ok(Raster { cells, realizations: rows / n, spacing: header.spacing, origin: header.origin, variables, notes })
}

/// As [`read_points`], from bytes.
///
/// # Errors
/// As [`read_points`].
pub fn parse_points(place: &str, bytes: &[u8]) -> Result<Points> {
    let mut lines = Lines::new(place, text(place, bytes)?);
    let header = header(&mut lines)?;
    let table = table(&mut lines, header.names.len())?;
    if table.columns[0].is_empty() {
        return Err(Error::input(lines.place(lines.last), "there is no point", "give at least one line of values"));
    }
    Ok(Points { names: header.names, columns: table.columns, notes: table.notes })
}

/// The lines of a file with their numbers, however they end.
struct Lines<'a> {
    name: &'a str,
    rest: &'a str,
    /// Number of the line read last, from 1.
    last: usize,
}

impl<'a> Lines<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, rest: text, last: 0 }
    }

    fn place(&self, line: usize) -> String {
        format!("{}, line {line}", self.name)
    }

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
        self.last += 1;
        Some(line)
    }

    fn expect(&mut self, what: &str) -> Result<&'a str> {
        let at = self.last + 1;
        self.next().ok_or_else(|| {
            Error::input(self.place(at), format!("the file ends where {what} was expected"), "give the complete file")
        })
    }
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|f| !f.is_empty())
}

struct Header {
    cells: Option<[usize; 3]>,
    spacing: Option<[f64; 3]>,
    origin: Option<[f64; 3]>,
    realizations: Option<usize>,
    names: Vec<String>,
    notes: Vec<String>,
}

/// A size: a whole number, at least 1, as Fortran (`3`) or a spreadsheet (`3.0`) writes it.
fn size(field: &str) -> Option<usize> {
    field
        .parse()
        .ok()
        .or_else(|| number(field).filter(|v| v.fract() == 0.0 && (0.0..1e15).contains(v)).map(|v| v as usize))
}

fn triple<T>(fields: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<[T; 3]> {
    match fields {
        [a, b, c, ..] => Some([parse(a)?, parse(b)?, parse(c)?]),
        _ => None,
    }
}

fn header(lines: &mut Lines) -> Result<Header> {
    let title = lines.expect("a title or the size of the grid")?;
    if title.trim_start().starts_with('#') {
        return comment_header(lines, title);
    }
    let found: Vec<_> = fields(title).collect();
    let mut header = Header {
        cells: None,
        spacing: None,
        origin: None,
        realizations: None,
        names: Vec::new(),
        notes: vec!["z grows upward, the first layer is the bottom".into()],
    };
    if matches!(found.len(), 3 | 6 | 9) && found.iter().all(|f| number(f).is_some()) {
        header.cells = triple(&found, size);
        if header.cells.is_none() {
            let problem = format!("\"{}\" is no size of a grid", title.trim());
            return Err(Error::input(lines.place(1), problem, "the first line is a title, or nx ny nz, whole numbers"));
        }
        header.spacing = triple(&found[3..], number);
        header.origin = found.get(6..).and_then(|f| triple(f, number));
        if header.origin.is_some() {
            header.notes.push("origin in line 1: taken as the corner of the first cell".into());
        }
    } else if let Some(cells) = size_in_brackets(title) {
        header.cells = Some(cells);
        header.notes.push("size of the grid from the title, as SGeMS writes it".into());
    }
    count_line(lines, &mut header)?;
    Ok(header)
}

/// `name (3x4x5)`
fn size_in_brackets(title: &str) -> Option<[usize; 3]> {
    let inside = title.trim_end().strip_suffix(')')?.rsplit_once('(')?.1;
    let sizes: Vec<_> = inside.split(['x', 'X']).map(str::trim).collect();
    if sizes.len() == 3 { triple(&sizes, size) } else { None }
}

/// The line with the number of variables, what CCG's programs add to it, and the names.
fn count_line(lines: &mut Lines, header: &mut Header) -> Result<()> {
    let line = lines.expect("the number of variables")?;
    let found: Vec<_> = fields(line).collect();
    let count = found.first().and_then(|f| size(f)).filter(|c| *c > 0).ok_or_else(|| {
        let problem = format!("\"{}\" is not the number of variables", line.trim());
        Error::input(lines.place(lines.last), problem, "the second line of a GSLIB file is a number, at least 1")
    })?;
    if count > lines.rest.len() {
        let problem = format!("{count} variables are announced, but only {} bytes follow", lines.rest.len());
        return Err(Error::input(lines.place(lines.last), problem, "check the number of variables"));
    }
    if matches!(found.len(), 10 | 11) && found.iter().all(|f| number(f).is_some()) {
        grid_line(lines, header, &found[1..])?;
    }
    for variable in 1..=count {
        let name = lines.expect(&format!("the name of variable {variable} of {count}"))?;
        header.names.push(name.trim().to_owned());
    }
    Ok(())
}

/// `nx ny nz xmn ymn zmn xsiz ysiz zsiz [nreal]`
fn grid_line(lines: &Lines, header: &mut Header, found: &[&str]) -> Result<()> {
    let wrong = || {
        let problem = format!("\"{}\" is no description of a grid", found.join(" "));
        Error::input(lines.place(lines.last), problem, "expected nvar nx ny nz xmn ymn zmn xsiz ysiz zsiz nreal")
    };
    let cells = triple(found, size).ok_or_else(wrong)?;
    if header.cells.is_some_and(|own| own != cells) {
        return Err(wrong());
    }
    let (center, spacing) =
        (triple(&found[3..], number).ok_or_else(wrong)?, triple(&found[6..], number).ok_or_else(wrong)?);
    header.cells = Some(cells);
    header.origin = Some(std::array::from_fn(|a| center[a] - 0.5 * spacing[a]));
    header.spacing = Some(spacing);
    header.realizations = match found.get(9) {
        Some(count) => Some(size(count).filter(|c| *c > 0).ok_or_else(wrong)?),
        None => None,
    };
    header.notes.push("origin in line 2: the centre of the first cell, as GSLIB has it; moved to its corner".into());
    Ok(())
}

/// geone's header: `#` lines with NX … OZ, then the names in one line.
fn comment_header(lines: &mut Lines, first: &str) -> Result<Header> {
    const KEYS: [&str; 9] = ["NX", "NY", "NZ", "SX", "SY", "SZ", "OX", "OY", "OZ"];
    let mut found: [Option<f64>; 9] = [None; 9];
    let mut line = first;
    let names = loop {
        let Some(comment) = line.trim_start().strip_prefix('#') else { break line };
        let words: Vec<_> =
            comment.split(|c: char| c.is_whitespace() || "#>:=,".contains(c)).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let key = pair[0].to_ascii_uppercase();
            if let Some(at) = KEYS.iter().position(|k| *k == key) {
                found[at] = number(pair[1]);
            }
            if key == "SORTING" && !pair[1].eq_ignore_ascii_case("+X+Y+Z") {
                let problem = format!("the values are sorted as {}, +X+Y+Z was expected", pair[1]);
                return Err(Error::input(lines.place(lines.last), problem, "save the image sorted as +X+Y+Z"));
            }
        }
        line = lines.expect("the names of the variables")?;
    };
    let part = |from: usize| Some([found[from]?, found[from + 1]?, found[from + 2]?]);
    let whole = |v: f64| (v.fract() == 0.0 && (1.0..1e15).contains(&v)).then_some(v as usize);
    let cells = match part(0) {
        Some([x, y, z]) => match (whole(x), whole(y), whole(z)) {
            (Some(x), Some(y), Some(z)) => Some([x, y, z]),
            _ => {
                let problem = format!("{x} x {y} x {z} is no size of a grid");
                return Err(Error::input(lines.place(1), problem, "NX, NY and NZ are whole numbers, at least 1"));
            }
        },
        None => None,
    };
    let names: Vec<_> = fields(names).map(str::to_owned).collect();
    if names.is_empty() {
        let problem = "the line after the comments is blank, names of variables were expected";
        return Err(Error::input(lines.place(lines.last), problem, "write the names in one line"));
    }
    let notes = vec![
        "z grows upward, the first layer is the bottom".into(),
        "origin in the comments: taken as the corner of the first cell".into(),
    ];
    Ok(Header { cells, spacing: part(3), origin: part(6), realizations: None, names, notes })
}

struct Table {
    columns: Vec<Vec<f64>>,
    notes: Vec<String>,
}

fn table(lines: &mut Lines, variables: usize) -> Result<Table> {
    let mut columns = vec![Vec::new(); variables];
    let (mut missing, mut doubtful) = (0usize, 0usize);
    while let Some(line) = lines.next() {
        let mut count = 0;
        for field in fields(line) {
            let value = number(field).ok_or_else(|| not_a_number(lines, count, field))?;
            let value = if MISSING.contains(&value) || value.abs() >= 1e21 { f64::NAN } else { value };
            missing += usize::from(value.is_nan());
            doubtful += usize::from(value == -99.0);
            // A single variable may be wrapped, several values a line.
            columns[count % variables].push(value);
            count += 1;
        }
        if variables > 1 && count != variables && count != 0 {
            let problem = format!("the line has {count} values, {variables} were expected, one a variable");
            return Err(Error::input(lines.place(lines.last), problem, "give every line one value a variable"));
        }
    }
    let mut notes = Vec::new();
    if missing > 0 {
        notes.push(format!("{missing} missing values (-999, -9999, -9966699, beyond 1e21, NaN or *****)"));
    }
    if doubtful > 0 {
        notes.push(format!(
            "{doubtful} values are -99 and were read as numbers; GSLIB files may mean \"missing\" by it"
        ));
    }
    Ok(Table { columns, notes })
}

fn not_a_number(lines: &Lines, column: usize, field: &str) -> Error {
    let shown: String = field.chars().take(40).collect();
    let problem = format!("value {} of the line, \"{shown}\", is no number", column + 1);
    let remedy = "the header may announce fewer variables than it names; numbers look like 1.5, -2e3 or 1.0D+00";
    Error::input(lines.place(lines.last), problem, remedy)
}

/// A number as C, Fortran or a spreadsheet writes it; asterisks, which Fortran writes for a number too wide for its
/// field, are NaN.
fn number(field: &str) -> Option<f64> {
    if let Ok(value) = field.parse() {
        return Some(value);
    }
    if field.bytes().all(|b| b == b'*') {
        return Some(f64::NAN);
    }
    if !field.is_ascii() || !field.contains(['d', 'D']) {
        return None;
    }
    field.replace(['d', 'D'], "e").parse().ok()
}

/// Writes a grid with its size in line 1, as training images have it, and its spacing and corner after it where both
/// are known. Numbers are the shortest that give the same bits when read; NaN is written as -9966699.
///
/// # Errors
/// What the writer says.
pub fn write(mut to: impl Write, raster: &Raster) -> std::io::Result<()> {
    let [nx, ny, nz] = raster.cells;
    write!(to, "{nx} {ny} {nz}")?;
    if let (Some(spacing), Some(origin)) = (raster.spacing, raster.origin) {
        for value in spacing.iter().chain(&origin) {
            write!(to, " {value}")?;
        }
    }
    writeln!(to, "\n{}", raster.variables.len())?;
    for variable in &raster.variables {
        assert_eq!(variable.values.len(), raster.len() * raster.realizations, "values of {}", variable.name);
        // A name is one line; a blank line would be read as a name, but a line break would shift the table.
        writeln!(to, "{}", variable.name.replace(['\n', '\r'], " "))?;
    }
    for row in 0..raster.len() * raster.realizations {
        for (column, variable) in raster.variables.iter().enumerate() {
            let value = if variable.values[row].is_nan() { MISSING[2] } else { variable.values[row] };
            write!(to, "{}{value}", if column == 0 { "" } else { " " })?;
        }
        writeln!(to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::asymmetric;
    use super::*;

    fn rows(values: &[f64]) -> String {
        values.iter().map(|v| format!("{v}\n")).collect()
    }

    fn read_text(text: &str) -> Raster {
        parse("ti.dat", text.as_bytes(), None).unwrap_or_else(|e| panic!("{e}"))
    }

    fn message(text: &str) -> String {
        parse("ti.dat", text.as_bytes(), None).expect_err("a wrong file").to_string()
    }

    #[test]
    fn every_flavour_of_header_gives_the_same_grid() {
        let values = rows(&asymmetric());
        let corner = (Some([1.0, 2.0, 4.0]), Some([10.0, 20.0, 30.0]));
        let flavours = [
            (format!("3 4 5\n1\nv\n{values}"), (None, None)),
            (format!("\u{feff}3\t4\t5\r\n1\r\nv\r\n{}", values.replace('\n', "\r\n")), (None, None)),
            (format!("3 4 5\r1\rv\r{}", values.replace('\n', "\r")), (None, None)),
            (format!("channels (3x4x5)\n1\nv\n{values}"), (None, None)),
            (format!("3.0, 4, 5, 1, 2, 4\n1\nv\n{values}"), (corner.0, None)),
            (format!("3 4 5 1 2 4 10 20 30\n1\nv\n{values}"), corner),
            (format!("title\n1 3 4 5 10.5 21 32 1 2 4 1\nv\n{values}"), corner),
            (
                format!(
                    "# geone\n# NX 3\n# NY : 4\n# NZ = 5\n#> SX 1\n# SY 2\n# SZ 4\n# OX 10\n# OY 20\n# OZ 30\n\
                     # SORTING: +X+Y+Z\nv\n{values}"
                ),
                corner,
            ),
        ];
        for (text, geometry) in flavours {
            let found = read_text(&text);
            let head = text.lines().next().unwrap_or_default();
            assert_eq!((found.cells, found.realizations), ([3, 4, 5], 1), "{head}");
            assert_eq!((found.spacing, found.origin), geometry, "{head}");
            assert_eq!(found.variables, [Variable { name: "v".into(), values: asymmetric() }], "{head}");
        }
    }

    #[test]
    fn the_caller_gives_the_size_that_a_classic_file_lacks() {
        let text = format!("a free title\n1\nv\n{}", rows(&asymmetric()));
        assert!(message(&text).contains("neither the file nor the case says the size"));
        let found = parse("ti.dat", text.as_bytes(), Some([3, 4, 5])).expect("the size is given");
        assert_eq!(found.variables[0].values, asymmetric());
        let other = format!("3 4 5\n1\nv\n{}", rows(&asymmetric()));
        let other = parse("ti.dat", other.as_bytes(), Some([4, 3, 5])).expect_err("another size").to_string();
        assert!(other.contains("holds 3 x 4 x 5 cells, 4 x 3 x 5 were expected"), "{other}");
    }

    #[test]
    fn variables_realizations_and_all_ways_to_write_a_number() {
        let found = read_text("2 1 1\n3\na\nb c\n\n1.0D+00, 2;3\n-1.5d-1\t*****  -999\n\n1e21 5 -99\n4 -9966699 NaN\n");
        assert_eq!((found.cells, found.realizations), ([2, 1, 1], 2));
        let names: Vec<_> = found.variables.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["a", "b c", ""]);
        let shown = |v: &Variable| v.values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let shown: Vec<_> = found.variables.iter().map(shown).collect();
        assert_eq!(shown, ["1 -0.15 NaN 4", "2 NaN 5 NaN", "3 NaN -99 NaN"]);
        assert!(found.notes.iter().any(|n| n.starts_with("5 missing values")), "{:?}", found.notes);
        assert!(found.notes.iter().any(|n| n.starts_with("1 values are -99")));
        assert!(found.notes.iter().any(|n| n.starts_with("2 realizations")));
        assert_eq!(read_text("3 2 1\n1\nwrapped\n1 2 3\n4 5 6\n").variables[0].values.len(), 6);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut values = asymmetric();
        values[7] = f64::NAN;
        values[8] = 0.1 + 0.2;
        let variable = |name: &str, values: Vec<f64>| Variable { name: name.into(), values };
        let raster = Raster {
            cells: [3, 4, 5],
            realizations: 1,
            spacing: Some([1.0, 2.0, 4.0]),
            origin: Some([0.5, -1.0, 1e-3]),
            variables: vec![variable("K [m/s]", values.clone()), variable("facies", asymmetric())],
            notes: Vec::new(),
        };
        let mut file = Vec::new();
        write(&mut file, &raster).expect("memory takes all");
        let found = parse("w.dat", &file, None).expect("what was written");
        assert_eq!((found.cells, found.spacing, found.origin), (raster.cells, raster.spacing, raster.origin));
        assert_eq!(found.variables[1], raster.variables[1]);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found.variables[0].values), bits(&values));
    }

    #[test]
    fn points_are_read_by_columns() {
        let found = parse_points("p.dat", b"100\n4\nX\nY\nZ\nK\n1 2 3 4\n5 6 7 8 \n").expect("points");
        assert_eq!(found.names, ["X", "Y", "Z", "K"]);
        assert_eq!(found.columns, [[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0]]);
        assert!(parse_points("p.dat", b"100\n1\nX\n").is_err());
    }

    #[test]
    fn wrong_files_are_refused_with_line_and_reason() {
        assert!(message("").contains("empty"));
        assert!(message("3 4 5").contains("line 2: the file ends where the number of variables was expected"));
        assert!(message("3 4 5\nfacies\n").contains("line 2: \"facies\" is not the number of variables"));
        assert!(message("3 4 5\n0\n").contains("is not the number of variables"));
        assert!(message("3 4 5\n99999999999\nv\n").contains("only 2 bytes follow"));
        assert!(message("3 4 5\n2\nv\n").contains("the name of variable 2 of 2"));
        assert!(message("3 4.5 5\n1\nv\n").contains("is no size of a grid"));
        assert!(message("-3 4 5\n1\nv\n1\n").contains("no size"));
        assert!(message("0 4 5\n1\nv\n1\n").contains("0 x 4 x 5 cells cannot be"));
        assert!(message("99999999 99999999 99999999\n1\nv\n1\n").contains("cannot be"));
        let cut = message("3 4 5\n1\nv\n1\n2\n");
        assert!(cut.contains("holds 2 values a variable, 3 x 4 x 5 = 60 were expected") && cut.contains("cut off"));
        assert!(message("2 1 1\n1\nv\n1\n2\n3\n").contains("holds 3 values"));
        assert!(message("t\n1 2 1 1 0 0 0 1 1 1 3\nv\n1\n2\n").contains("x 3 realizations = 6 were expected"));
        assert!(message("2 1 1\n2\na\nb\n1 2\n3\n").contains("line 6: the line has 1 values, 2 were expected"));
        let text = message("2 1 1\n1\na\nfacies\n1\n");
        assert!(text.contains("ti.dat, line 4: value 1 of the line, \"facies\", is no number"), "{text}");
        assert!(message("# NX 2\n# NY 1\n# NZ 1\n# SORTING: +X-Y+Z\nv\n1\n2\n").contains("sorted as +X-Y+Z"));
        assert!(message("# NX 0\n# NY 1\n# NZ 1\nv\n1\n").contains("whole numbers, at least 1"));
        let binary = parse("ti.dat", b"3 4 5\n1\nv\n\xff\n", None).expect_err("no text").to_string();
        assert!(binary.contains("line 4: byte 0xff is no UTF-8 text"), "{binary}");
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(at in 0usize..400, byte in any::<u8>(), cut in 0usize..400, flavour in 0..3) {
            let heads = ["3 4 5 1 2 4 10 20 30\n1\nv\n", "title\n2 3 4 5 0 0 0 1 1 1 1\nv\nw\n", "# NX 3\n# NY 4\n# NZ 5\nv\n"];
            let mut file = format!("{}{}", heads[flavour as usize], rows(&asymmetric())).into_bytes();
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            let _ = parse("ti.dat", &file, None);
            let _ = parse("ti.dat", &file, Some([3, 4, 5]));
            let _ = parse_points("ti.dat", &file);
        }

        #[test]
        fn any_numbers_come_back(values in proptest::collection::vec(-1e20..1e20f64, 60)) {
            let kept: Vec<f64> = values.iter().map(|v| if MISSING.contains(v) { 0.0 } else { *v }).collect();
            let text = format!("3 4 5\n1\nv\n{}", rows(&kept));
            prop_assert_eq!(&parse("f", text.as_bytes(), None).expect("a grid").variables[0].values, &kept);
        }
    }
}
