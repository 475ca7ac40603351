//! Runs every row on every runtime, each time in a fresh child, round by round, and prints the table.
//!
//! A ratio is the median over the rounds of the peer's figure over ferrio's in the same round, so what disturbs the machine
//! for a while disturbs both: above 1 ferrio is better.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use crate::measured::{Measured, as_f64};
use crate::options::Compare;
use crate::rows::{Figure, ROWS, Row};
use crate::runtimes::{RUNTIMES, Runtime};

/// Whose figures the others' are compared with.
const SUBJECT: &str = "ferrio";
/// Whom the geometric mean at the end is against.
const RIVAL: &str = "tokio_local";
/// Not among whom the best is looked for: it has two processors where all others have one.
const APART: &str = "tokio_multi";

/// By row and runtime, the rounds.
type Results = BTreeMap<(&'static str, &'static str), Vec<Measured>>;

pub fn run(options: &Compare) -> Result<(), String> {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row.name)).collect();
    if rows.is_empty() {
        return Err("no such row".to_owned());
    }
    let runtimes: Vec<&Runtime> = RUNTIMES.iter().filter(|runtime| options.has(runtime.name)).collect();
    runtimes.iter().for_each(|runtime| println!("{:13} {}", runtime.name, runtime.what));
    let mut results = Results::new();
    let mut failures = BTreeMap::new();
    for round in 0..options.rounds {
        for row in &rows {
            for place in 0..runtimes.len() {
                // The order turns and reverses, so that nobody always follows the same neighbour.
                let place = if round % 2 == 0 { place } else { runtimes.len() - 1 - place };
                let runtime = runtimes[(place + round / 2) % runtimes.len()];
                match child(row, runtime, options) {
                    Ok(measured) => results.entry((row.name, runtime.name)).or_default().push(measured),
                    Err(error) => drop(failures.insert((row.name, runtime.name), error)),
                }
            }
        }
        eprintln!("round {} of {}", round + 1, options.rounds);
    }
    print(&rows, &runtimes, &results, options)?;
    failures.iter().for_each(|((row, runtime), error)| println!("failed: {row} on {runtime}: {error}"));
    Ok(())
}

fn child(row: &Row, runtime: &Runtime, options: &Compare) -> Result<Measured, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let count = (row.count / options.divisor).max(1);
    let arguments = ["one", row.name, runtime.name, &count.to_string()];
    let output = Command::new(own).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{}: {}", output.status, errors.trim().lines().next().unwrap_or("no word"))
    })
}

fn print(rows: &[&Row], runtimes: &[&Runtime], results: &Results, options: &Compare) -> Result<(), String> {
    let mut table = vec![["row", "unit"].map(str::to_owned).to_vec()];
    table[0].extend(runtimes.iter().map(|runtime| runtime.name.to_owned()));
    table[0].extend(["best peer", "x best", "x tokio_local"].map(str::to_owned));
    let mut against_rival = Vec::new();
    for row in rows {
        for figure in row.figures {
            let mut line = vec![format!("{}{}", row.name, figure.suffix), figure.unit.to_owned()];
            let medians = runtimes.iter().map(|runtime| median(&figures(results, row, runtime.name, figure)));
            let medians: Vec<Option<f64>> = medians.collect();
            line.extend(medians.iter().map(|median| median.map_or("-".to_owned(), short)));
            let peers = runtimes
                .iter()
                .zip(&medians)
                .filter(|(runtime, _)| ![SUBJECT, APART].contains(&runtime.name));
            let best = peers.filter_map(|(runtime, median)| Some((runtime.name, (*median)?)));
            let best = best.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(name, _)| name);
            let ratio = |peer| median(&ratios(results, row, figure, peer));
            line.push(best.unwrap_or("-").to_owned());
            line.push(best.and_then(ratio).map_or("-".to_owned(), |ratio| format!("{ratio:.2}")));
            let rival = ratio(RIVAL);
            against_rival.extend(rival);
            line.push(rival.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")));
            table.push(line);
        }
    }
    let widths: Vec<usize> = (0..table[0].len())
        .map(|column| table.iter().map(|line| line[column].len()).max().unwrap_or(0))
        .collect();
    for line in &table {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if let Some(mean) = geometric_mean(&against_rival) {
        println!("geometric mean against {RIVAL}: {mean:.2} over {} lines", against_rival.len());
    }
    if let Some(path) = &options.tsv {
        let text = digest(rows, runtimes, results, options);
        fs::write(path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// The form that `benches/digest.py` describes, which charts and tables are made of.
fn digest(rows: &[&Row], runtimes: &[&Runtime], results: &Results, options: &Compare) -> String {
    let mut lines: Vec<String> =
        runtimes.iter().map(|runtime| format!("# {:13} {}", runtime.name, runtime.what)).collect();
    lines.push(format!(
        "# {:13} {} rounds, a fresh process each, runtimes interleaved",
        "conditions", options.rounds
    ));
    lines.push("line\tunit\tloop\tmedian\tlowest\thighest\tratio\tverdict\tworst\tbest".to_owned());
    for (row, figure) in rows.iter().flat_map(|row| row.figures.iter().map(move |figure| (row, figure))) {
        for runtime in runtimes {
            let values = figures(results, row, runtime.name, figure);
            let mut cells = spread(&values).to_vec();
            if runtime.name == SUBJECT {
                cells.extend([const { String::new() }; 4]);
            } else {
                let [middle, least, most] = spread(&ratios(results, row, figure, runtime.name));
                cells.extend([middle, String::new(), least, most]);
            }
            let names =
                [format!("{}{}", row.name, figure.suffix), figure.unit.to_owned(), runtime.name.to_owned()];
            lines.push([&names[..], &cells[..]].concat().join("\t"));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The median, the lowest and the highest; nothing of nothing.
fn spread(values: &[f64]) -> [String; 3] {
    let [lowest, highest] = [f64::min, f64::max].map(|choose| values.iter().copied().reduce(choose));
    [median(values), lowest, highest].map(|value| {
        let text = value.map_or(String::new(), |value| format!("{value:.6}"));
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    })
}

fn figures(results: &Results, row: &Row, runtime: &'static str, figure: &Figure) -> Vec<f64> {
    results.get(&(row.name, runtime)).into_iter().flatten().map(figure.of).collect()
}

/// How many times what the subject takes the peer takes. Rounds that one of them has not are left out.
fn ratios(results: &Results, row: &Row, figure: &Figure, peer: &'static str) -> Vec<f64> {
    let (mine, theirs) = (figures(results, row, SUBJECT, figure), figures(results, row, peer, figure));
    mine.iter().zip(&theirs).map(|(mine, theirs)| theirs / mine).collect()
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return None;
    }
    Some(if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    })
}

fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / as_f64(values.len())).exp())
}

fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
