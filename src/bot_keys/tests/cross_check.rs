//! What Sled says of the stores, and what becomes of a process that does not end well.

use std::time::Duration;

use super::*;
use crate::bot_keys::{
    cross_check::{CrossCheck, MOST_LISTED, Program, cross_check, tell},
    safekeeping::tree,
};

/// The lines that the process tells of a store, which Sled changes.
fn lines(fixture: &Fixture, passphrase: &str) -> String {
    let mut lines = Vec::new();
    let store = fixture.folder.path().join("matrix-sdk-crypto");
    tell(&store, &passphrase.into(), &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

/// The check of a store by a process that tells these lines.
fn checked(fixture: &Fixture, lines: &str) -> CrossCheck {
    fs::write(fixture.folder.path().join("lines"), lines).unwrap();
    by(fixture, &format!("cat {}/lines", shown(fixture)))
}

/// The check by a shell's command.
fn by(fixture: &Fixture, command: &str) -> CrossCheck {
    let program = Program::new("/bin/sh", &["-c", command]);
    check(fixture, &program).unwrap()
}

fn check(fixture: &Fixture, program: &Program) -> crate::Result<CrossCheck> {
    let extracted = fixture.extract().unwrap();
    let work = fixture.folder.path().join("work");
    let wish = Wish {
        work: work.clone(),
        ..fixture.wish()
    };
    let found = cross_check(&extracted.places()[0], &extracted, &wish, program);
    // The copy holds keys.
    assert_eq!(fs::read_dir(work).unwrap().count(), 0);
    found
}

fn shown(fixture: &Fixture) -> String {
    fixture.folder.path().display().to_string()
}

fn counts(check: &CrossCheck) -> [u64; 4] {
    [check.rows, check.found, check.broken, check.missing]
}

fn sums(fixture: &Fixture) -> Vec<String> {
    let store = fixture.folder.path().join("matrix-sdk-crypto");
    let files = tree::files(&store).unwrap();
    files
        .iter()
        .map(|file| {
            format!(
                "{} {:?}",
                file.display(),
                tree::sum(&store.join(file)).unwrap()
            )
        })
        .collect()
}

#[test]
fn sled_finds_the_sessions_that_carving_finds() {
    for (name, passphrase) in [
        ("v4-none", ""),
        ("v4-empty", ""),
        ("v5-none", ""),
        ("v5-correct-horse", PASSPHRASE),
        ("v7-none", ""),
        ("v7-empty", ""),
        ("v7-correct-horse", PASSPHRASE),
    ] {
        let fixture = Fixture::new(name);
        let lines = lines(&fixture, passphrase);
        let told: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (end, sessions) = told.split_last().unwrap();
        assert_eq!(end["end"], SESSIONS, "{name}");
        let sessions = by_name(sessions.iter().map(|line| line["session"].clone()));
        let names: Vec<_> = sessions.keys().collect();
        assert_eq!(names, fixture.expected.keys().collect::<Vec<_>>(), "{name}");
        assert!(!lines.contains("session_key"));
    }
}

#[test]
fn a_store_of_which_all_was_taken_out_is_good_and_stays_as_it_is() {
    let told = lines(&Fixture::new("v5-empty"), "");
    let fixture = Fixture::new("v5-empty");
    let before = sums(&fixture);
    let check = checked(&fixture, &told);
    assert_eq!(counts(&check), [12, 12, 0, 0]);
    assert!(check.is_good() && check.listed.is_empty());
    assert_eq!(sums(&fixture), before);
    // What the process is given: a copy of its own, and the passphrase.
    let given = shown(&fixture) + "/given";
    by(
        &fixture,
        &format!("stat -c %a sled-copy/db > {given}; head -c 4 | od -An -tu4 >> {given}"),
    );
    let given = fs::read_to_string(given).unwrap();
    assert_eq!(given.split_whitespace().collect::<Vec<_>>(), ["600", "0"]);
}

#[test]
fn the_copy_has_what_sled_reads_and_nothing_else() {
    let fixture = Fixture::new("v7-blobs");
    let store = fixture.folder.path().join("matrix-sdk-crypto");
    let mut expected = tree::files(&store).unwrap();
    assert!(expected.iter().any(|file| file.starts_with("blobs")));
    fs::write(store.join("snap.0000000000000001"), "a snapshot").unwrap();
    expected.push("snap.0000000000000001".into());
    fs::write(store.join("notes.txt"), "somebody's").unwrap();
    let given = shown(&fixture) + "/given";
    by(
        &fixture,
        &format!("cd sled-copy && find . -type f | LC_ALL=C sort > {given}"),
    );
    let given = fs::read_to_string(given).unwrap();
    let given: Vec<PathBuf> = given.lines().map(|file| file[2..].into()).collect();
    assert_eq!(given, expected);
}

#[test]
fn what_was_not_taken_out_or_from_a_later_message_on_is_listed() {
    let others = lines(&Fixture::new("v4-empty"), "");
    let check = checked(&Fixture::new("v5-empty"), &others);
    assert_eq!(counts(&check), [12, 0, 0, 12]);
    assert!(check.listed.iter().all(|it| it.taken_out.is_none()));

    // The store's first session that does not begin with its first message.
    let told = lines(&Fixture::new("v5-empty"), "");
    let late = told
        .lines()
        .find(|line| !line.contains(r#""first_known_index":0}"#));
    let late = late.unwrap();
    let at = late.rfind(':').unwrap() + 1;
    let early = format!("{}0}}}}", &late[..at]);
    let both = format!("{late}\n{early}\n\"broken\"\n{{\"end\":3}}\n");
    let check = checked(&Fixture::new("v5-empty"), &both);
    assert_eq!(counts(&check), [3, 1, 1, 1]);
    assert!(!check.is_good() && check.failed.is_none());
    let missing = &check.listed[0];
    assert_eq!(missing.row.first_known_index, 0);
    assert!(missing.taken_out > Some(0));
}

#[test]
fn only_some_of_the_missing_ones_are_listed() {
    let told = lines(&Fixture::new("v4-empty"), "");
    let line = told.lines().next().unwrap();
    let many = format!("{line}\n").repeat(MOST_LISTED + 5) + "{\"end\":1005}\n";
    let check = checked(&Fixture::new("v5-empty"), &many);
    assert_eq!((check.missing, check.listed.len()), (1005, MOST_LISTED));
}

#[test]
fn what_does_not_come_to_its_end_has_failed() {
    let told = lines(&Fixture::new("v5-empty"), "");
    let fixture = Fixture::new("v5-empty");
    let mut reasons = Vec::new();
    let mut failed = |check: CrossCheck, rows: u64| {
        assert_eq!(check.rows, rows, "{check:?}");
        assert!(!check.is_good());
        reasons.push(check.failed.unwrap());
    };
    let half: String = told
        .lines()
        .take(5)
        .fold(String::new(), |all, line| all + line + "\n");
    fs::write(fixture.folder.path().join("half"), half).unwrap();
    let half = format!("cat {}/half", shown(&fixture));
    failed(by(&fixture, &format!("{half}; exit 101")), 5);
    failed(by(&fixture, &format!("{half}; exit 0")), 5);
    failed(by(&fixture, &format!("{half}; kill -9 $$")), 5);
    failed(by(&fixture, &format!("{half}; echo '{{\"end\":6}}'")), 5);
    failed(by(&fixture, "echo hello; exec sleep 60"), 0);
    failed(by(&fixture, "head -c 100000 /dev/zero; exec sleep 60"), 0);
    let hangs = Program::new("/bin/sh", &["-c", &format!("{half}; exec sleep 60")]);
    let hangs = hangs.within(Duration::from_millis(700));
    let begun = std::time::Instant::now();
    failed(check(&fixture, &hangs).unwrap(), 5);
    assert!(begun.elapsed() < Duration::from_secs(30));
    insta::assert_snapshot!(reasons.join("\n"), @r"
    Sled ended before it had read all of it (exit status: 101), as it does on some damage
    Sled ended before it had read all of it (exit status: 0), as it does on some damage
    Sled ended before it had read all of it (signal: 9 (SIGKILL)), as it does on some damage
    Sled has 6 rows, and 5 of them were told
    what was told of Sled's rows can't be understood
    Sled told nothing more before the end
    Sled had not read all of it after 0.7 s: on some damage it never ends, and a huge store takes longer
    ");
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let error = check(&Fixture::new("v5-empty"), &Program::new("/nowhere", &[])).unwrap_err();
    insta::assert_snapshot!(error, @"/nowhere: No such file or directory (os error 2)");
}

#[test]
fn sled_says_why_it_can_not_read_a_store() {
    let mut told = vec![lines(&Fixture::new("v5-correct-horse"), "battery staple")];
    let fixture = Fixture::new("v5-empty");
    fs::remove_file(fixture.log()).unwrap();
    told.push(lines(&fixture, ""));
    // Sled makes nothing where nothing is.
    assert!(!fixture.log().exists());
    let fixture = Fixture::new("v5-empty");
    let conf = fixture.log().with_file_name("conf");
    fs::write(conf, "segment_size: 524288\n").unwrap();
    told.push(lines(&fixture, ""));
    insta::assert_snapshot!(told.concat(), @r#"
    {"failed":"the cipher that Sled finds in it does not open"}
    {"failed":"no Sled store is there"}
    {"failed":"Sled can't read it: it is damaged"}
    "#);
}
