//! `ferryman demo`, as the README shows it, on the best target of this machine.

use std::process::Command;

use crate::targets::tuwunel_or_skip;

#[test]
fn the_demo_ends_well_and_leaves_its_reports() {
    let tuwunel = tuwunel_or_skip("the demo");
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .args(["demo", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    let transcript = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{transcript}\n{errors}");
    let mut wanted = vec![
        "operator: !ferry import",
        "30 of 30 rooms",
        "Everything that was carried over is equal",
    ];
    if tuwunel {
        wanted.push("@bob:");
        wanted.push("9 rooms on Synapse, 9 on the new server");
    } else {
        wanted.push("SKIPPED: Tuwunel");
    }
    for line in wanted {
        assert!(transcript.contains(line), "{line} in {transcript}");
    }
    let reports: Vec<_> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|report| report.unwrap().file_name().into_string().unwrap())
        .collect();
    for end in ["-plan.md", "-import.md", "-verify.md", "-verify.json"] {
        assert!(
            reports.iter().any(|name| name.ends_with(end)),
            "{end} in {reports:?}"
        );
    }
}
