//! The bundle: whole, its problems, its age; then its rooms and users, by its plan.

use std::{collections::BTreeMap, path::PathBuf};

use ruma::OwnedServerName;
use serde_json::value::RawValue;

use super::{
    super::{Asked, blocking, newest},
    Found, disk, people, rooms,
    source::Source,
    target::Reached,
};
use crate::{
    Result,
    bundle::Bundle,
    engine::Engine,
    job::Problem,
    migration::{
        check::What,
        plan::{MediaPlan, Mode, NamedMedium, Why},
    },
    model::user::User,
    source::about::NOT_VISIBLE,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What later looks need of it.
pub(super) struct Looked {
    /// Each server's key objects.
    pub(super) keys: BTreeMap<OwnedServerName, Vec<Box<RawValue>>>,
    /// What it takes unpacked, in bytes.
    pub(super) bytes: u64,
}

pub(super) async fn look(
    engine: &Engine,
    given: Option<PathBuf>,
    source: &Source,
    target: Option<&Reached>,
    found: &mut Found,
) -> Option<Looked> {
    let bundles = engine.config.data_dir.join("bundles");
    let Some(path) = given.or_else(|| newest(&bundles).ok()) else {
        found.add(What::NoBundle);
        return None;
    };
    match opened(engine, path, source, target, found).await {
        Ok(looked) => Some(looked),
        Err(error) => {
            found.add(What::BundleUnusable {
                reason: error.to_string(),
            });
            None
        }
    }
}

async fn opened(
    engine: &Engine,
    path: PathBuf,
    source: &Source,
    target: Option<&Reached>,
    found: &mut Found,
) -> Result<Looked> {
    let bundle = engine.open(Some(path)).await?;
    let (bundle, read) = blocking(move || Read::of(&bundle).map(|read| (bundle, read))).await?;
    itself(&bundle, &read.problems, found);
    age(engine, &bundle, source, found);
    if target.is_some() {
        let asked = Asked {
            mode: engine.config.renames().then_some(Mode::Federation),
            ..Asked::default()
        };
        let (plan, names) = engine.planned(&bundle, asked).await?;
        if plan.people.lacks_own {
            found.add(What::BundleLacksOwn {
                name: bundle.name(),
            });
        }
        media(&plan.media, found);
        rooms::look(&plan, found);
        people::look(&plan, &read.users, &names, &engine.config.operators, found);
    }
    Ok(read.looked)
}

/// What is read of a bundle, blocking.
struct Read {
    problems: Vec<Problem>,
    users: Vec<User>,
    looked: Looked,
}

impl Read {
    fn of(bundle: &Bundle) -> Result<Self> {
        Ok(Self {
            problems: bundle.problems()?,
            users: bundle.users()?,
            looked: Looked {
                keys: bundle.server_keys()?,
                bytes: disk::size_of(bundle.work_dir()),
            },
        })
    }
}

fn itself(bundle: &Bundle, problems: &[Problem], found: &mut Found) {
    let (name, schema) = (bundle.name(), bundle.schema());
    found.add(if schema.complete {
        What::Bundle { name: name.clone() }
    } else {
        What::BundleIncomplete { name: name.clone() }
    });
    // What its reader can never see is told by `bundle-lacks-own`.
    let problems = problems
        .iter()
        .filter(|problem| problem.step != NOT_VISIBLE)
        .map(|problem| format!("{} {}", problem.step, problem.subject));
    found.about(What::BundleProblems { name }, problems);
}

/// Positions are exact; without them, days must do.
fn age(engine: &Engine, bundle: &Bundle, source: &Source, found: &mut Found) {
    let (name, schema) = (bundle.name(), bundle.schema());
    if let (Some(then), Some(now)) = (schema.stream_position, source.position) {
        if now > then {
            let events = now - then;
            found.add(What::BundleBehind { name, events });
        }
        return;
    }
    let exported = schema.exported_ts.unwrap_or(u64::MAX);
    let days = engine.clock.now_ms().saturating_sub(exported) / DAY_MS;
    if days > 0 {
        found.add(What::BundleOld { name, days });
    }
}

fn media(plan: &MediaPlan, found: &mut Found) {
    let files = plan.left.get(&Why::NotExported).copied().unwrap_or(0);
    if files > 0 {
        found.add(What::MediaNotExported { files });
    }
    let id = |media: &NamedMedium| media.media_id.clone();
    found.about(What::MediaLost, plan.lost.iter().map(id));
    if let Some(limit) = plan.limit {
        found.about(What::MediaLarge { limit }, plan.large.iter().map(id));
    }
}
