//! What the compiler says of wrong use: each program is compiled, and has to fail with the message that names what is wrong.
//!
//! `rustc` compiles them against the macros that cargo has built for this test, which lie beside it; what a macro expands to need
//! not compile for its message to appear.

use std::path::PathBuf;
use std::process::Command;

/// The macros as the compiler loads them: the newest of those beside this test.
fn macros() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.contains("ferrio_macros-") && [".so", ".dylib"].iter().any(|end| name.ends_with(end))
    };
    let beside = std::fs::read_dir(here.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    beside.filter(library).max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}

fn errors_of(name: &str, program: &str) -> String {
    let folder = std::env::temp_dir().join(format!("ferrio-macros-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("program.rs"), program).unwrap();
    let mut rustc = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()));
    rustc.args(["--edition=2024", "--test", "--emit=metadata", "--out-dir"]).arg(&folder);
    rustc.arg("--extern").arg(format!("ferrio={}", macros().display())).arg(folder.join("program.rs"));
    let output = rustc.output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert!(!output.status.success(), "{program}");
    String::from_utf8(output.stderr).unwrap()
}

macro_rules! said {
    ($($name:ident: $program:literal => $says:literal;)*) => {$(
        #[test]
        fn $name() {
            let errors = errors_of(stringify!($name), $program);
            assert!(errors.contains(concat!("error: ", $says, "\n")), "{errors}");
        }
    )*};
}

said! {
    not_async: "#[ferrio::main] fn main() {}"
        => "#[ferrio::main] is for async functions: write `async fn main`";
    test_not_async: "#[ferrio::test] fn a_case() {}"
        => "#[ferrio::test] is for async functions: write `async fn a_case`";
    arguments: "#[ferrio::main] async fn main(name: String) {}"
        => "#[ferrio::main]: `main` must not take arguments: nobody is there to give them";
    generic: "#[ferrio::test] async fn a_case<T>() {}"
        => "#[ferrio::test]: `a_case` must not be generic: nobody says for which types it is called";
    no_function: "#[ferrio::main] struct Main;"
        => "#[ferrio::main] is for functions: `async fn name() { … }`";
    unknown_option: "#[ferrio::main(flavor = \"multi\")] async fn main() {}"
        => "#[ferrio::main]: `flavor` is no option; there are `watchdog = \"1s\"`, `crate = \"::name\"`";
    unknown_option_of_test: "#[ferrio::test(start_paused = true)] async fn a_case() {}"
        => "#[ferrio::test]: `start_paused` is no option; there are `virtual_clock`, `watchdog = \"1s\"`, `crate = \"::name\"`";
    option_of_test_alone: "#[ferrio::main(virtual_clock)] async fn main() {}"
        => "#[ferrio::main]: `virtual_clock` is no option; there are `watchdog = \"1s\"`, `crate = \"::name\"`";
    value_too_much: "#[ferrio::test(virtual_clock = true)] async fn a_case() {}"
        => "#[ferrio::test]: `virtual_clock` has no value: it stands alone";
    value_missing: "#[ferrio::main(watchdog)] async fn main() {}"
        => "#[ferrio::main]: `watchdog` needs a value: watchdog = \"1s\"";
    value_not_quoted: "#[ferrio::main(watchdog = 1)] async fn main() {}"
        => "#[ferrio::main]: watchdog: the value stands in quotes, as in watchdog = \"1s\"";
    no_time: "#[ferrio::main(watchdog = \"soon\")] async fn main() {}"
        => "#[ferrio::main]: watchdog: `soon` is no time: a number and ms, s, m or h, as \"250ms\" or \"1s\"";
    no_path: "#[ferrio::main(crate = \"my crate\")] async fn main() {}"
        => "#[ferrio::main]: crate: `my crate` is no path of a crate";
    no_comma: "#[ferrio::test(virtual_clock watchdog = \"1s\")] async fn a_case() {}"
        => "#[ferrio::test]: a comma is missing before `watchdog`";
}
