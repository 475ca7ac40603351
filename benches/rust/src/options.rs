//! The command line.

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// All, in children, as a table.
    Compare(Compare),
    /// One row on one runtime, here: what a child does.
    One { row: String, runtime: String, count: usize },
}

/// How `compare` is to do it.
#[derive(Debug)]
pub struct Compare {
    rows: Vec<String>,
    runtimes: Vec<String>,
    pub rounds: usize,
    /// By how much less than a row asks for a child does.
    pub divisor: usize,
    /// Where the table goes, too.
    pub tsv: Option<String>,
}

const USAGE: &str = "usage: ferrio-benches compare [--rows GLOB,...] [--runtimes GLOB,...] [--rounds N] [--quick] [--tsv FILE]
       ferrio-benches one ROW RUNTIME COUNT";

impl Compare {
    pub fn wants(&self, row: &str) -> bool {
        self.rows.iter().any(|glob| matches(glob, row))
    }

    pub fn has(&self, runtime: &str) -> bool {
        self.runtimes.iter().any(|glob| matches(glob, runtime))
    }
}

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    match arguments.next().as_deref() {
        Some("compare") => compare(arguments).map(Command::Compare),
        Some("one") => {
            let given: Vec<String> = arguments.collect();
            let [row, runtime, count] = given.as_slice() else { return Err(USAGE.to_owned()) };
            let count = number(count)?;
            Ok(Command::One { row: row.clone(), runtime: runtime.clone(), count })
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn compare(mut arguments: impl Iterator<Item = String>) -> Result<Compare, String> {
    let everything = || vec!["*".to_owned()];
    let mut options =
        Compare { rows: everything(), runtimes: everything(), rounds: 7, divisor: 1, tsv: None };
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        let list = |text: String| text.split(',').map(str::to_owned).collect();
        match name.as_str() {
            "--rows" => options.rows = list(value()?),
            "--runtimes" => options.runtimes = list(value()?),
            "--rounds" => options.rounds = number(&value()?)?,
            "--quick" => (options.rounds, options.divisor) = (3, 10),
            "--tsv" => options.tsv = Some(value()?),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// With `*` for anything.
fn matches(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).any(|from| name.get(from..).is_some_and(|name| matches(rest, name)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs() {
        assert!(
            matches("*", "echo_1k_x64")
                && matches("echo_*", "echo_1k_x64")
                && matches("*_x64", "echo_1k_x64")
        );
        assert!(!matches("echo", "echo_1k_x64") && !matches("*_x6", "echo_1k_x64"));
    }
}
