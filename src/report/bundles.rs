//! The bundles that are there, and what a look into one has found.

use std::fmt::Write;

use super::{
    problems,
    text::{code, count, duration, escape, sentence, size, time},
};
use crate::{
    bundle::{Glance, SourceKind},
    engine::{Bundles, Listed, Proved, State},
};

/// Those that a room message lists.
const FEW: usize = 20;

/// The list; `busy` is the job that runs.
#[must_use]
pub fn list(bundles: &Bundles, busy: Option<&str>) -> String {
    if bundles.all.is_empty() {
        return format!(
            "There is no bundle in {}. Next: `export`.\n",
            code(&bundles.dir.display())
        );
    }
    let whole = bundles.all.iter();
    let whole = whole
        .filter(|it| matches!(it.state, State::Whole(_)))
        .count();
    let mut text = format!(
        "**{} in {}**, the newest first\n\n",
        count(whole as u64, "bundle", "bundles"),
        code(&bundles.dir.display())
    );
    for listed in bundles.all.iter().take(FEW) {
        text.push_str(&entry(listed, busy));
    }
    if bundles.all.len() > FEW {
        let _infallible = writeln!(text, "- … and {} more", bundles.all.len() - FEW);
    }
    text.push_str("\n`bundle verify` and a name looks into one.\n");
    text
}

fn entry(listed: &Listed, busy: Option<&str>) -> String {
    let name = code(&listed.name);
    let bytes = size(listed.bytes);
    let what = match &listed.state {
        State::Whole(glance) => whole(glance),
        State::Half { goes_on: true } => {
            "**not finished**: its export was broken off; the same `export` goes on from there".to_owned()
        }
        State::Half { goes_on: false } => {
            "**not finished**: an export that runs, or was broken off; the next `export` of this name removes it".to_owned()
        }
        State::Damaged { reason } => format!("**can't be used**: {}", sentence(reason).trim_end_matches('.')),
        State::Unread { reason } => format!("**can't be looked at**: {}", sentence(reason).trim_end_matches('.')),
    };
    let used = match (listed.imported, busy) {
        (true, Some(job @ ("import" | "retry" | "sync" | "cutover" | "verify"))) => format!(
            "\n  - the last import was of this one; {} is running",
            code(job)
        ),
        (true, _) => "\n  - the last import was of this one".to_owned(),
        (false, _) => String::new(),
    };
    format!(
        "- {name}, {bytes}, {}: {what}{used}\n",
        time(listed.written_ts)
    )
}

fn whole(glance: &Glance) -> String {
    let server = glance.server_name.as_ref();
    let server = server.map_or_else(
        || "a server that it doesn't name".to_owned(),
        |name| escape(name.as_str()),
    );
    let from = match glance.source {
        Some(SourceKind::AdminApi) => "by API",
        Some(SourceKind::Database) => "from the database",
        None => "by the toolkit of format 1",
    };
    let mut text = format!(
        "{server}, {from}: {}, {}, {}, {}",
        count(glance.users, "user", "users"),
        count(glance.rooms, "room", "rooms"),
        count(glance.events, "event", "events"),
        count(glance.media, "media file", "media files")
    );
    if glance.inventory {
        text.push_str("; an inventory, nothing can be imported from it");
    }
    if !glance.complete {
        text.push_str("; **not complete**: its export could not read everything, export again");
    }
    text
}

/// What a look into a bundle has found, for the room and the terminal.
#[must_use]
pub fn proved(proved: &Proved) -> String {
    let next = if proved.proof.is_good() {
        "Next: `plan`."
    } else {
        "`export` again, and look at that bundle."
    };
    format!("{}\n{next}\n", render(proved, problems::FEW))
}

/// For the file.
#[must_use]
pub fn full(proved: &Proved) -> String {
    format!("# Bundle\n\n{}", render(proved, usize::MAX))
}

fn render(proved: &Proved, limit: usize) -> String {
    let proof = &proved.proof;
    let headline = match (proof.faults.is_empty(), proof.complete) {
        (true, true) => "is whole",
        (true, false) => "is as it was written, but not complete: its export broke off",
        (false, _) => "has faults",
    };
    let mut text = format!(
        "**{} {headline}** ({}).\n\n- every file is as its checksum says\n- {}, {}, {}, {}\n",
        code(&proved.name),
        duration(proved.elapsed_ms),
        count(proof.users, "user", "users"),
        count(proof.rooms, "room", "rooms"),
        count(proof.events, "event", "events"),
        count(proof.media, "media file", "media files")
    );
    let _infallible = writeln!(
        text,
        "- {} with right signatures",
        count(proof.signed, "event", "events")
    );
    if proof.no_key > 0 {
        let _infallible = writeln!(
            text,
            "- {} whose signatures nobody can check from this bundle: it has no key for them",
            count(proof.no_key, "event", "events")
        );
    }
    if proof.no_version > 0 {
        let _infallible = writeln!(
            text,
            "- {} that nobody can check: the version of their rooms is not known",
            count(proof.no_version, "event", "events")
        );
    }
    if proof.problems > 0 {
        let _infallible = writeln!(
            text,
            "- {} that its export could not read (problems.json)",
            count(proof.problems, "thing", "things")
        );
    }
    text.push_str(&problems::list(&proof.faults, limit).replace("could not be done", "wrong"));
    if proof.more > 0 {
        let _infallible = writeln!(text, "\nAnd {} more.", count(proof.more, "fault", "faults"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::Problem, migration::proof::Proof};

    fn glance() -> Glance {
        Glance {
            version: 2,
            server_name: Some("ferry.test".try_into().unwrap()),
            source: Some(SourceKind::Database),
            exported_ts: Some(1_785_592_800_000),
            complete: true,
            inventory: false,
            users: 22,
            rooms: 38,
            events: 1_382,
            media: 2_000,
        }
    }

    fn listed(name: &str, state: State) -> Listed {
        Listed {
            name: name.into(),
            bytes: 48_211_000,
            written_ts: 1_785_592_800_000,
            state,
            imported: false,
        }
    }

    #[test]
    fn every_kind_of_entry() {
        let mut bundles = Bundles {
            dir: "data/bundles".into(),
            all: Vec::new(),
        };
        insta::assert_snapshot!(list(&bundles, None), @"There is no bundle in `data/bundles`. Next: `export`.");
        let incomplete = Glance {
            source: Some(SourceKind::AdminApi),
            complete: false,
            users: 1,
            ..glance()
        };
        let inventory = Glance {
            inventory: true,
            events: 0,
            media: 0,
            ..glance()
        };
        let old = Glance {
            version: 1,
            server_name: None,
            source: None,
            ..glance()
        };
        let mut imported = listed("b.tar.zst", State::Whole(glance()));
        imported.imported = true;
        bundles.all = vec![
            listed("c.tar.zst.partial", State::Half { goes_on: true }),
            listed("d.tar.zst.partial", State::Half { goes_on: false }),
            imported,
            listed("broken_off.tar.zst", State::Whole(incomplete)),
            listed("synapse-inventory-1.tar.zst", State::Whole(inventory)),
            listed("toolkit.tar.gz", State::Whole(old)),
            listed(
                "cut.tar.zst",
                State::Damaged {
                    reason: "it is damaged, cut off or no archive: copy the bundle again, or export again".into(),
                },
            ),
            listed(
                "huge.tar",
                State::Unread {
                    reason: "data/bundles/huge.tar: events/index.json has more than 9 bytes, more than a list reads: `bundle verify` looks into it".into(),
                },
            ),
        ];
        insta::assert_snapshot!(list(&bundles, Some("import")), @r"
        **4 bundles in `data/bundles`**, the newest first

        - `c.tar.zst.partial`, 48.2 MB, 2026-08-01 14:00:00 UTC: **not finished**: its export was broken off; the same `export` goes on from there
        - `d.tar.zst.partial`, 48.2 MB, 2026-08-01 14:00:00 UTC: **not finished**: an export that runs, or was broken off; the next `export` of this name removes it
        - `b.tar.zst`, 48.2 MB, 2026-08-01 14:00:00 UTC: ferry.test, from the database: 22 users, 38 rooms, 1,382 events, 2,000 media files
          - the last import was of this one; `import` is running
        - `broken_off.tar.zst`, 48.2 MB, 2026-08-01 14:00:00 UTC: ferry.test, by API: 1 user, 38 rooms, 1,382 events, 2,000 media files; **not complete**: its export could not read everything, export again
        - `synapse-inventory-1.tar.zst`, 48.2 MB, 2026-08-01 14:00:00 UTC: ferry.test, from the database: 22 users, 38 rooms, 0 events, 0 media files; an inventory, nothing can be imported from it
        - `toolkit.tar.gz`, 48.2 MB, 2026-08-01 14:00:00 UTC: a server that it doesn't name, by the toolkit of format 1: 22 users, 38 rooms, 1,382 events, 2,000 media files
        - `cut.tar.zst`, 48.2 MB, 2026-08-01 14:00:00 UTC: **can't be used**: it is damaged, cut off or no archive: copy the bundle again, or export again
        - `huge.tar`, 48.2 MB, 2026-08-01 14:00:00 UTC: **can't be looked at**: data/bundles/huge.tar: events/index.json has more than 9 bytes, more than a list reads: `bundle verify` looks into it

        `bundle verify` and a name looks into one.
        ");
        bundles.all = (0..30)
            .map(|number| listed(&format!("{number}.tar"), State::Half { goes_on: false }))
            .collect();
        assert!(list(&bundles, None).contains("- … and 10 more\n"));
    }

    #[test]
    fn what_a_look_has_found() {
        let mut looked = Proved {
            name: "b.tar.zst".into(),
            proof: Proof {
                users: 22,
                rooms: 38,
                events: 1_400,
                media: 2_000,
                signed: 1_390,
                complete: true,
                ..Proof::default()
            },
            elapsed_ms: 2_000,
        };
        insta::assert_snapshot!(proved(&looked), @r"
        **`b.tar.zst` is whole** (2.0 s).

        - every file is as its checksum says
        - 22 users, 38 rooms, 1,400 events, 2,000 media files
        - 1,390 events with right signatures

        Next: `plan`.
        ");
        looked.proof.no_key = 10;
        looked.proof.no_version = 3;
        looked.proof.complete = false;
        looked.proof.problems = 1;
        insta::assert_snapshot!(proved(&looked), @r"
        **`b.tar.zst` is as it was written, but not complete: its export broke off** (2.0 s).

        - every file is as its checksum says
        - 22 users, 38 rooms, 1,400 events, 2,000 media files
        - 1,390 events with right signatures
        - 10 events whose signatures nobody can check from this bundle: it has no key for them
        - 3 events that nobody can check: the version of their rooms is not known
        - 1 thing that its export could not read (problems.json)

        `export` again, and look at that bundle.
        ");
        looked.proof.faults = vec![Problem {
            step: "event".into(),
            subject: "$x".into(),
            reason: "it is there twice: export again".into(),
        }];
        looked.proof.more = 1;
        insta::assert_snapshot!(full(&looked), @r"
        # Bundle

        **`b.tar.zst` has faults** (2.0 s).

        - every file is as its checksum says
        - 22 users, 38 rooms, 1,400 events, 2,000 media files
        - 1,390 events with right signatures
        - 10 events whose signatures nobody can check from this bundle: it has no key for them
        - 3 events that nobody can check: the version of their rooms is not known
        - 1 thing that its export could not read (problems.json)

        **1 thing wrong**

        - `876ae596` event: `$x`: it is there twice: export again

        And 1 fault more.
        ");
    }
}
