//! The table of tests/http/probes.tsv, against the server's side. Rows of "application" are run, too: what is checked there is that
//! the parser hands them on, not that their application would be right.

use ferrio_http::h1::Limits;

use crate::support::{Said, Server};
use crate::table::{Probe, table};

#[test]
fn every_probe_is_answered_as_the_table_says() {
    let probes = table();
    assert_eq!(probes.len(), 203);
    for Probe { name, done, steps, .. } in &probes {
        let mut server = Server::new(Limits::default());
        for step in steps {
            server.feed(step);
        }
        let mut found: Vec<_> = server.statuses().iter().map(u16::to_string).collect();
        if found.is_empty() {
            found.push("wait".to_owned());
        }
        let refused = server.said.iter().any(|said| matches!(said, Said::Refused(..)));
        let closed = server.connection.is_closed();
        let (statuses, ends) = done.split_once('+').map_or((*done, false), |(statuses, _)| (statuses, true));
        assert_eq!(found.join(","), statuses, "{name}");
        assert_eq!(closed, refused || ends || *name == "COMP-HTTP10-NO-HOST" || old(&steps[0]), "{name}");
    }
}

#[test]
fn what_is_done_passes_wherever_the_parser_decides() {
    for Probe { name, parser, passes, done, .. } in table().iter().filter(|probe| probe.parser) {
        assert!(*parser);
        let (first, ends) = (done.split([',', '+']).next().unwrap(), done.ends_with("+close"));
        let passed = passes.split('/').any(|choice| match choice.split_once('+') {
            Some((status, _)) => ends && matches(status, first),
            None => matches(choice, first),
        });
        assert!(passed, "{name}: {done} is none of {passes}");
    }
}

fn matches(choice: &str, done: &str) -> bool {
    match (choice.strip_prefix('!'), choice.strip_suffix("xx")) {
        (Some(not), _) => !matches(not, done),
        (_, Some(class)) => done.len() == 3 && done.starts_with(class),
        _ => choice == done,
    }
}

fn old(step: &[u8]) -> bool {
    step.windows(10).any(|window| window == b" HTTP/1.0\r")
}
