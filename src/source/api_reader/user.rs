//! Everything about one user.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ruma::{OwnedRoomId, OwnedUserId, UserId};
use serde_json::{Map, Value};

use super::{
    acting::Acting,
    cross_signing,
    device_keys::{self, Batch},
    own::Own,
    pending::{self, Waiting, WaitingRooms},
    push_rules, receipts,
};
use crate::{
    Error, Result,
    bundle::UserRecord,
    model::{
        account_data::AccountData, cross_signing::CrossSigning, pending::Pending,
        push_rules::PushRules, receipt::Receipt, user::User,
    },
    source::{
        admin_api::{Client, ListedUser, ServedAccountData, Synced, UserDetails, Who},
        intake::{Intake, problem},
    },
};

/// What the reading of all users shares.
pub(super) struct Shared {
    pub(super) client: Arc<Client>,
    /// If that is wanted.
    pub(super) acting: Option<Acting>,
    /// Those with a master key.
    pub(super) identities: Vec<OwnedUserId>,
    pub(super) waiting: WaitingRooms,
    /// Whether this Synapse can have custom profile fields.
    pub(super) custom_profiles: bool,
    /// Whether it has refused to give more of them.
    pub(super) profiles_limited: AtomicBool,
}

/// One user, read.
pub(super) struct ReadUser {
    pub(super) record: UserRecord,
    pub(super) own: Own,
    /// Room → membership; none from an older Synapse.
    pub(super) memberships: Option<BTreeMap<String, String>>,
    pub(super) has_backup: bool,
}

/// What only the user sees.
#[derive(Default)]
struct Seen {
    profile: Option<Map<String, Value>>,
    push_rules: PushRules,
    receipts: BTreeMap<OwnedRoomId, Vec<Receipt>>,
    /// Room → content of `m.tag`.
    tags: BTreeMap<String, Box<serde_json::value::RawValue>>,
    cross_signing: Option<CrossSigning>,
    pending: Vec<Pending>,
    has_backup: bool,
    own: Own,
}

/// Reads one user; what can't be read becomes a problem.
pub(super) async fn read(
    shared: &Arc<Shared>,
    batch: &Batch,
    user: OwnedUserId,
    listed: ListedUser,
    to: &Intake,
) -> Result<ReadUser> {
    to.turn().await?;
    let (client, mut own) = (&shared.client, Own::default());
    let details = client.user(user.as_str()).await;
    let details = own.or_none(details, "user", &user)?.unwrap_or_default();
    // A locked user's token answers nothing, and a guest's can't be logged out.
    let can_act = !(listed.deactivated || listed.locked || listed.is_guest);
    let mut record = UserRecord::new(joined(user.clone(), listed, details));
    let devices = to.wanted().devices;
    if devices {
        let list = own.or_none(client.devices(&user).await, "devices", &user)?;
        record.devices = list.unwrap_or_default();
    }
    if to.wanted().inventory {
        return Ok(ReadUser {
            record,
            own,
            memberships: None,
            has_backup: false,
        });
    }
    let memberships = memberships(client, &user, &mut own).await?;
    let seen = match &shared.acting {
        Some(acting) if can_act => {
            let known = memberships.clone().unwrap_or_default();
            seen(shared, acting, &user, known, to, &mut own).await?
        }
        _ => None,
    };
    let (client, user) = (client.as_ref(), user.as_ref());
    let served = own.or_none(client.account_data(user).await, "account data", user)?;
    let pushers = own.or_none(client.pushers(user).await, "pushers", user)?;
    record.pushers = pushers.unwrap_or_default();
    if let Some(keys) = batch.keys(client, devices, &mut own).await? {
        if devices {
            record.device_keys = device_keys::of(user, keys);
        }
        record.cross_signing = cross_signing::public(user, keys);
    }
    let mut tags = BTreeMap::new();
    let mut has_backup = false;
    if let Some(seen) = seen {
        record.push_rules = seen.push_rules;
        record.receipts = seen.receipts;
        record.pending = seen.pending;
        record.user.profile = seen.profile.unwrap_or_default();
        record.cross_signing = seen.cross_signing.unwrap_or(record.cross_signing);
        (tags, has_backup) = (seen.tags, seen.has_backup);
        own.extend(seen.own);
    } else {
        record.user.profile = shared.profile(user, &mut own).await?;
        let none = BTreeMap::new();
        let waiting = Waiting {
            user,
            memberships: memberships.as_ref().unwrap_or(&none),
            seen: None,
        };
        record.pending = pending::of(client, &shared.waiting, waiting, &mut own).await?;
    }
    record.account_data = account_data(user, served.unwrap_or_default(), tags, &mut own);
    Ok(ReadUser {
        record,
        own,
        memberships,
        has_backup,
    })
}

async fn memberships(
    client: &Client,
    user: &UserId,
    own: &mut Own,
) -> Result<Option<BTreeMap<String, String>>> {
    match client.memberships(user.as_str()).await {
        // An older Synapse: its list of rooms has to do.
        Err(Error::Answer { status: 404, .. }) => Ok(None),
        answer => own.or_none(answer, "memberships", user),
    }
}

/// Acts as the user; none if that doesn't work.
async fn seen(
    shared: &Arc<Shared>,
    acting: &Acting,
    user: &UserId,
    memberships: BTreeMap<String, String>,
    to: &Intake,
    own: &mut Own,
) -> Result<Option<Seen>> {
    let (sharing, whose, to) = (Arc::clone(shared), user.to_owned(), to.clone());
    let work = |who: Who| async move { see(&sharing, &who, &whose, &memberships, &to).await };
    let (seen, token_stays) = acting.act(user, work).await;
    if let Some(problem) = token_stays {
        own.add(problem);
    }
    Ok(own.or_none(seen, "acting as the user", user)?.flatten())
}

async fn see(
    shared: &Shared,
    who: &Who,
    user: &UserId,
    memberships: &BTreeMap<String, String>,
    to: &Intake,
) -> Result<Seen> {
    let (client, mut seen) = (shared.client.as_ref(), Seen::default());
    let own = &mut seen.own;
    if shared.custom_profiles {
        let profile = client.custom_profile(who, user).await;
        seen.profile = own.or_none(profile, "custom profile fields", user)?;
    }
    to.check()?;
    let rules = own.or_none(client.push_rules(who).await, "push rules", user)?;
    seen.push_rules = push_rules::of(user, rules.unwrap_or_default());
    to.check()?;
    let synced = own.or_none(client.sync(who).await, "tags, receipts and invites", user)?;
    let synced = synced.unwrap_or_default();
    seen.receipts = receipts::of(user, &synced.join, own);
    let waiting = Waiting {
        user,
        memberships,
        seen: Some((who, &synced)),
    };
    seen.pending = pending::of(client, &shared.waiting, waiting, own).await?;
    seen.tags = tags(synced);
    to.check()?;
    if shared
        .identities
        .binary_search_by(|other| (**other).cmp(user))
        .is_ok()
    {
        let keys = cross_signing::of(client, who, user, &shared.identities, to).await;
        seen.cross_signing = own.or_none(keys, "cross-signing keys", user)?;
    }
    to.check()?;
    let backup = client.backup_version(who, None).await;
    let backup = own.or_none(backup, "key backup", user)?;
    seen.has_backup = backup.flatten().is_some();
    Ok(seen)
}

fn tags(synced: Synced) -> BTreeMap<String, Box<serde_json::value::RawValue>> {
    let rooms = synced.join.into_iter().chain(synced.leave);
    rooms
        .filter_map(|(room, of_room)| Some((room, of_room.tags()?)))
        .collect()
}

impl Shared {
    /// Custom profile fields as the admin sees them.
    async fn profile(&self, user: &UserId, own: &mut Own) -> Result<Map<String, Value>> {
        if !self.custom_profiles || self.profiles_limited.load(Ordering::Relaxed) {
            return Ok(Map::new());
        }
        let profile = self.client.custom_profile(&Who::Admin, user).await;
        if let Err(Error::Answer { status: 429, .. }) = profile {
            if !self.profiles_limited.swap(true, Ordering::Relaxed) {
                own.add(problem(
                    "custom profile fields",
                    user,
                    "Synapse limits how many profiles one user may ask for (rc_profile), so those of this and of later users are missing: use --act-as-users or --source db, or raise that limit",
                ));
            }
            return Ok(Map::new());
        }
        let profile = own.or_none(profile, "custom profile fields", user)?;
        Ok(profile.unwrap_or_default())
    }
}

fn account_data(
    user: &UserId,
    served: ServedAccountData,
    tags: BTreeMap<String, Box<serde_json::value::RawValue>>,
    own: &mut Own,
) -> AccountData {
    let mut data = AccountData {
        global: served.global,
        ..AccountData::default()
    };
    // They are in a file of their own.
    data.global.remove("m.push_rules");
    let tags = tags.into_iter().map(|(room, tags)| {
        let tags = BTreeMap::from([("m.tag".to_owned(), tags)]);
        (room, tags)
    });
    for (room, contents) in served.rooms.into_iter().chain(tags) {
        match OwnedRoomId::try_from(room.as_str()) {
            Ok(room) => data.rooms.entry(room).or_default().extend(contents),
            Err(error) => own.add(problem(
                "account data",
                user,
                &format!("that of {room} can't be read: {error}"),
            )),
        }
    }
    data
}

fn joined(user_id: OwnedUserId, listed: ListedUser, mut details: UserDetails) -> User {
    // Synapse's own order is that of its database.
    details.threepids.sort_by_key(by(["medium", "address"]));
    details
        .external_ids
        .sort_by_key(by(["auth_provider", "external_id"]));
    User {
        user_id,
        displayname: listed.displayname,
        avatar_url: listed.avatar_url.filter(|url| !url.is_empty()),
        is_admin: listed.admin,
        deactivated: listed.deactivated,
        erased: listed.erased,
        shadow_banned: listed.shadow_banned,
        locked: listed.locked,
        suspended: details.suspended,
        is_guest: listed.is_guest,
        approved: listed.approved,
        user_type: listed.user_type,
        appservice_id: details.appservice_id,
        creation_ts: listed.creation_ts,
        last_seen_ts: listed.last_seen_ts,
        threepids: details.threepids,
        external_ids: details.external_ids,
        profile: Map::new(),
    }
}

fn by(fields: [&'static str; 2]) -> impl Fn(&Value) -> [Option<String>; 2] {
    move |entry| fields.map(|field| entry[field].as_str().map(str::to_owned))
}
