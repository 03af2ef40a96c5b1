//! Identities and key backups on the target against the bundle.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use ruma::{OwnedUserId, UserId};

use super::{
    backups,
    identities::has_own,
    same::{self, There},
    signatures,
    versions::Versions,
};
use crate::{
    Result,
    bundle::{Bundle, OfUser},
    job::{Event, Job, Phase},
    migration::{
        outcome::Comparison,
        plan::{Plan, UserAction},
    },
    model::{cross_signing::CrossSigning, key_backup::KeyBackupLine, stage::Stage},
    target::{Target, key_backup::Sessions},
};

/// What was compared.
#[derive(Debug, Default)]
pub struct Compared {
    /// By user.
    pub identities: Comparison,
    /// By room key.
    pub room_keys: Comparison,
    /// Users who have another identity than before.
    pub others: BTreeSet<OwnedUserId>,
}

/// Compares both.
pub async fn run(target: &Target, bundle: &Bundle, plan: &Plan, job: &Job) -> Result<Compared> {
    let is_left = |stage| plan.left_out.has(stage);
    if is_left(Stage::Identities) {
        return Ok(Compared::default());
    }
    let versions = tokio::task::block_in_place(|| Versions::read(bundle))?;
    let (identities, others) = identities(target, bundle, plan, job, &versions).await?;
    let room_keys = if is_left(Stage::KeyBackups) {
        Comparison::default()
    } else {
        backups(target, bundle, plan, job, (&versions, &others)).await?
    };
    Ok(Compared {
        identities,
        room_keys,
        others,
    })
}

/// Users asked at once.
const IN_FLIGHT: usize = 8;

/// What differs for a user, and whether it is for a known reason.
enum Difference {
    Real(String),
    Known(String),
    /// It is another identity.
    Other,
}

fn carried(plan: &Plan) -> Vec<OwnedUserId> {
    let users = plan.users.iter();
    users
        .filter(|user| user.action == UserAction::Carry)
        .map(|user| user.user_id.clone())
        .collect()
}

/// Cross-signing keys, and whom each user has verified: a thing is a user who has an identity. Also gives those who have
/// another one now.
async fn identities(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    job: &Job,
    versions: &Versions,
) -> Result<(Comparison, BTreeSet<OwnedUserId>)> {
    let users = carried(plan);
    job.emit(Event::Phase {
        phase: Phase::VerifyIdentities,
        total: users.len() as u64,
    });
    let mut comparison = Comparison::default();
    let mut compared = stream::iter(users)
        .map(|user| async move {
            job.turn().await?;
            let compared = identity(target, bundle, plan, (&user, versions)).await?;
            Ok::<_, crate::Error>((user, compared))
        })
        .buffered(IN_FLIGHT);
    let mut others = BTreeSet::new();
    let mut done = 0;
    while let Some(compared) = compared.next().await {
        let (user, differences) = compared?;
        if let Some(differences) = differences {
            comparison.expected += 1;
            comparison.equal += u64::from(differences.is_empty());
            for difference in differences {
                match difference {
                    Difference::Real(text) => comparison.differences.push(text),
                    Difference::Known(text) => comparison.known.push(text),
                    Difference::Other => {
                        comparison.known.push(format!(
                            "{user} has encryption of their own: set up before the import, or anew since"
                        ));
                        others.insert(user.clone());
                    }
                }
            }
        }
        done += 1;
        job.emit(Event::Done {
            phase: Phase::VerifyIdentities,
            done,
        });
    }
    Ok((comparison, others))
}

/// Nothing if the bundle has none of their keys.
async fn identity(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    (user, versions): (&UserId, &Versions),
) -> Result<Option<Vec<Difference>>> {
    let keys: CrossSigning = bundle.of_user(OfUser::CrossSigning, user)?;
    if keys.is_empty() {
        return Ok(None);
    }
    let Some(wanted) = same::whole(&keys) else {
        return Ok(Some(vec![Difference::Known(format!(
            "{user}: the bundle has only the part of their encryption identity that everybody sees, for it was exported by API and not as the user; they begin with a new one"
        ))]));
    };
    let made = if plan.left_out.has(Stage::VerifiedPeople) {
        signatures::Signed::new()
    } else {
        signatures::made(&keys, user.server_name())
    };
    let about = made.keys().map(AsRef::as_ref).chain([user]);
    let seen = target.cross_signing(user, about).await?;
    let mut differences = Vec::new();
    match same::identity(user, wanted, &seen) {
        There::Same | There::Nothing if has_own(target, bundle, user, versions).await? => {
            differences.push(Difference::Other);
            return Ok(Some(differences));
        }
        There::Same => {}
        There::Nothing => {
            differences.push(Difference::Real(format!(
                "{user} has no encryption identity"
            )));
            return Ok(Some(differences));
        }
        There::Part => {
            differences.push(Difference::Real(format!(
                "{user} has only a part of their encryption identity"
            )));
            return Ok(Some(differences));
        }
        There::Other => {
            differences.push(Difference::Other);
            return Ok(Some(differences));
        }
    }
    let elsewhere = keys.signed_users.keys();
    for other in elsewhere.filter(|other| other.server_name() != user.server_name()) {
        differences.push(Difference::Known(format!(
            "{user} has verified {other}, who is on another server: they verify each other again"
        )));
    }
    for (other, signed) in &made {
        let key = seen.master_keys.get(other);
        for (public, signatures) in signed {
            match key {
                Some(key) if same::public(key) == Some(public) => {
                    if !signatures::has(key, user, signatures) {
                        differences.push(Difference::Real(format!(
                            "{user} has verified {other}, but the target does not know it"
                        )));
                    }
                }
                _ => differences.push(Difference::Known(format!(
                    "{user} has verified {other}, whose identity of then the target does not have: they verify each other again"
                ))),
            }
        }
    }
    Ok(Some(differences))
}

/// A version that is being compared.
struct Comparing {
    user: OwnedUserId,
    version: String,
    /// What the target has in it and the bundle has not named yet; nothing if the target's newest is another one.
    there: Option<Sessions>,
    /// Whether what the target has is an earlier version of the bundle's, if it has any.
    other: Option<bool>,
    missing: u64,
}

/// Each room key of each user's newest backup. Older versions can't be asked for, because the target gives them names of
/// its own.
async fn backups(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    job: &Job,
    (versions, others): (&Versions, &BTreeSet<OwnedUserId>),
) -> Result<Comparison> {
    let carried: BTreeSet<_> = carried(plan).into_iter().collect();
    job.emit(Event::Phase {
        phase: Phase::VerifyKeyBackups,
        total: carried.len() as u64,
    });
    let mut comparison = Comparison::default();
    let mut comparing: Option<Comparing> = None;
    let mut done = 0;
    for line in bundle.key_backups()? {
        match line? {
            KeyBackupLine::Version {
                user_id,
                version,
                algorithm,
                auth_data,
            } => {
                job.turn().await?;
                if let Some(before) = comparing.take() {
                    let is_older = before.user == user_id;
                    before.end(&mut comparison, is_older, others);
                    done += u64::from(!is_older);
                    job.emit(Event::Done {
                        phase: Phase::VerifyKeyBackups,
                        done,
                    });
                }
                if !carried.contains(&user_id) {
                    continue;
                }
                let newest = target.backup(&user_id).await?;
                let other = newest
                    .as_ref()
                    .map(|newest| versions.place(&user_id, newest).is_some());
                let there = match newest {
                    Some(newest) if backups::is_same(&newest, &algorithm, &auth_data) => {
                        Some(target.backup_keys(&user_id, &newest.version).await?)
                    }
                    _ => None,
                };
                comparing = Some(Comparing {
                    user: user_id,
                    version,
                    there,
                    other,
                    missing: 0,
                });
            }
            KeyBackupLine::Session {
                room_id,
                session_id,
                session,
                ..
            } => {
                let Some(Comparing {
                    there: Some(there),
                    missing,
                    ..
                }) = &mut comparing
                else {
                    continue;
                };
                comparison.expected += 1;
                let found = there
                    .get_mut(&room_id)
                    .and_then(|room| room.remove(&session_id));
                if found.is_some_and(|found| same::json(&found, &session)) {
                    comparison.equal += 1;
                } else {
                    *missing += 1;
                }
            }
        }
    }
    if let Some(last) = comparing {
        last.end(&mut comparison, false, others);
    }
    job.emit(Event::Done {
        phase: Phase::VerifyKeyBackups,
        done: carried.len() as u64,
    });
    Ok(comparison)
}

impl Comparing {
    fn end(self, comparison: &mut Comparison, is_older: bool, others: &BTreeSet<OwnedUserId>) {
        let Self { user, version, .. } = self;
        if self.missing > 0 {
            comparison.differences.push(format!(
                "{user}: {} room keys of the key backup are missing or different",
                self.missing
            ));
        }
        if self.there.is_some() {
            return;
        }
        if is_older {
            comparison.known.push(format!(
                "{user}: version {version} of the key backup is older than their newest; nobody can ask for it"
            ));
        } else if self.other == Some(true) {
            comparison.differences.push(format!(
                "{user} has an older version of the key backup as the newest"
            ));
        } else if self.other.is_some() {
            comparison.known.push(format!(
                "{user} has another key backup: one from before the import, or a new one since"
            ));
        } else if others.contains(&user) {
            comparison.known.push(format!(
                "{user}: the key backup of their former encryption identity stays behind"
            ));
        } else {
            comparison
                .differences
                .push(format!("{user} has no key backup"));
        }
    }
}
