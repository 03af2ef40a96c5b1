//! The files on the target against the bundle: content, type and name, read from the target.

use std::{collections::BTreeSet, io::Read};

use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::{Carried, carried, planner::Terms};
use crate::{
    Error, Result,
    bundle::Bundle,
    hex::hex,
    job::{Event, Job, Phase},
    ledger::{Ledger, Outcome, Step},
    migration::{outcome::Comparison, plan::Plan},
    resident::endpoint::media_download::multipart::kind,
    target::{Target, media::Held},
};

/// Files read at once.
const IN_FLIGHT: usize = 4;

/// One file.
pub(super) enum Seen {
    Equal,
    /// All but the name, in which the target lets nothing stand that a file system might not take.
    Renamed(String),
    Different(String),
}

/// In the ledger, of a file that was read whole on the target and found equal.
const READ: &str = "read back";

/// Compares every file that the plan carries over, and tells how many of those that are equal were not read, because they
/// were so before and nobody asks for more (`is_deep`). What the ledger calls done and is not so, it calls failed from now on.
pub async fn run(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    (ledger, is_deep): (&Ledger, bool),
    job: &Job,
) -> Result<(Comparison, u64)> {
    if !plan.target.replay {
        return Ok((Comparison::default(), 0));
    }
    let terms = Terms::of(bundle, &plan.target, plan.media.wish, None);
    let mut files = tokio::task::block_in_place(|| carried(bundle, &terms))?;
    let mut comparison = Comparison {
        expected: files.len() as u64,
        ..Comparison::default()
    };
    job.emit(Event::Phase {
        phase: Phase::VerifyMedia,
        total: comparison.expected,
    });
    let mut done = 0;
    if !is_deep {
        let read: BTreeSet<_> = ledger.done_as(Step::Media, READ)?.into_iter().collect();
        files.retain(|carried| !read.contains(&carried.item.media_id));
        done = comparison.expected - files.len() as u64;
        comparison.equal = done;
    }
    let before = done;
    let mut compared = stream::iter(files)
        .map(|carried| async move {
            job.turn().await?;
            let seen = one(target, &carried).await?;
            Ok::<_, Error>((carried.item.media_id, seen))
        })
        .buffered(IN_FLIGHT);
    while let Some(seen) = compared.next().await {
        let (id, seen) = seen?;
        match seen {
            Seen::Equal => {
                comparison.equal += 1;
                if ledger.is_done(Step::Media, &id)? {
                    ledger.record(Step::Media, &id, &Outcome::Done(READ))?;
                }
            }
            Seen::Renamed(known) => comparison.known.push(known),
            Seen::Different(difference) => {
                // The next import looks at it again, and fetches it once more.
                if ledger.is_done(Step::Media, &id)? {
                    ledger.record(Step::Media, &id, &Outcome::Failed(difference.clone()))?;
                }
                comparison.differences.push(difference);
            }
        }
        done += 1;
        job.emit(Event::Done {
            phase: Phase::VerifyMedia,
            done,
        });
    }
    Ok((comparison, before))
}

pub(super) async fn one(target: &Target, carried: &Carried) -> Result<Seen> {
    let id = &carried.item.media_id;
    let held = match target.read_media(id).await {
        Ok(held) => held,
        Err(error @ (Error::Unreachable { .. } | Error::Refused { .. })) => return Err(error),
        Err(error) => return Ok(Seen::Different(format!("{id} can't be read: {error}"))),
    };
    let Some(held) = held else {
        return Ok(Seen::Different(format!("{id} is missing")));
    };
    let sha256 = match &carried.item.sha256 {
        Some(sha256) => sha256.clone(),
        None => tokio::task::block_in_place(|| sha256_of(carried))?,
    };
    Ok(seen(carried, &sha256, &held))
}

fn seen(carried: &Carried, sha256: &str, held: &Held) -> Seen {
    let (item, bytes) = (&carried.item, carried.file.bytes);
    let id = &item.media_id;
    let shown = |text: Option<&str>| text.unwrap_or("nothing").to_owned();
    if held.sha256.as_deref() != Some(sha256) {
        let length = held.bytes.unwrap_or_default();
        return Seen::Different(format!(
            "{id} has another content: {length} bytes instead of {bytes}, SHA-256 {} instead of {sha256}",
            shown(held.sha256.as_deref())
        ));
    }
    let wanted = kind(item.media_type.as_deref());
    if held.media_type.as_deref() != Some(wanted) {
        return Seen::Different(format!(
            "{id} has the type {} instead of {wanted}",
            shown(held.media_type.as_deref())
        ));
    }
    let wanted = item.upload_name.as_deref().filter(|name| !name.is_empty());
    if held.name.as_deref() == wanted {
        return Seen::Equal;
    }
    let told = format!(
        "{id} has the name {} instead of {}",
        shown(held.name.as_deref()),
        shown(wanted)
    );
    let kept = wanted.map(kept).filter(|name| !name.is_empty());
    if held.name == kept {
        Seen::Renamed(format!(
            "{told}: the target takes out what some file systems don't allow"
        ))
    } else {
        Seen::Different(told)
    }
}

/// What Tuwunel leaves of a file's name: it takes out control characters and those that Windows doesn't allow, and a name
/// of dots alone (`src/core/utils/content_disposition.rs`).
fn kept(name: &str) -> String {
    let name: String = name
        .chars()
        .filter(|letter| !letter.is_control() && !r#"/\?<>:*|""#.contains(*letter))
        .collect();
    if name.chars().all(|letter| letter == '.') {
        return String::new();
    }
    name
}

fn sha256_of(carried: &Carried) -> Result<String> {
    let path = &carried.file.path;
    let mut file = std::fs::File::open(path).map_err(Error::file(path))?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 128 * 1024]);
    loop {
        match file.read(&mut piece).map_err(Error::file(path))? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bundle::MediaFile;

    fn told(name: Option<&str>, media_type: Option<&str>, held: &Held) -> String {
        let item = json!({ "media_id": "abcdef", "upload_name": name, "media_type": media_type });
        let carried = Carried {
            item: serde_json::from_value(item).unwrap(),
            file: MediaFile {
                path: "x".into(),
                bytes: 7,
            },
        };
        match seen(&carried, "aa", held) {
            Seen::Equal => "equal".to_owned(),
            Seen::Renamed(known) => format!("known: {known}"),
            Seen::Different(difference) => difference,
        }
    }

    fn held(name: Option<&str>) -> Held {
        Held {
            bytes: Some(7),
            media_type: Some("text/plain".to_owned()),
            name: name.map(str::to_owned),
            sha256: Some("aa".to_owned()),
        }
    }

    #[test]
    fn content_type_and_name_must_be_equal() {
        let text = Some("text/plain");
        assert_eq!(told(Some("a.txt"), text, &held(Some("a.txt"))), "equal");
        assert_eq!(told(Some(""), text, &held(None)), "equal");
        let octets = Held {
            media_type: Some("application/octet-stream".to_owned()),
            ..held(None)
        };
        assert_eq!(told(None, None, &octets), "equal");
        insta::assert_snapshot!(told(Some("a"), text, &held(None)), @"abcdef has the name nothing instead of a");
        insta::assert_snapshot!(told(None, Some("image/png"), &held(None)), @"abcdef has the type text/plain instead of image/png");
        let short = Held {
            bytes: Some(3),
            sha256: Some("bb".to_owned()),
            ..held(None)
        };
        insta::assert_snapshot!(told(None, text, &short), @"abcdef has another content: 3 bytes instead of 7, SHA-256 bb instead of aa");
    }

    #[test]
    fn what_the_target_never_keeps_of_a_name_is_known() {
        let text = Some("text/plain");
        insta::assert_snapshot!(told(Some("a/b\r\n\"c\".txt"), text, &held(Some("abc.txt"))), @r#"
        known: abcdef has the name abc.txt instead of a/b
        "c".txt: the target takes out what some file systems don't allow
        "#);
        insta::assert_snapshot!(told(Some("a/b"), text, &held(Some("b"))), @"abcdef has the name b instead of a/b");
        assert!(told(Some("..."), text, &held(None)).starts_with("known"));
    }
}
