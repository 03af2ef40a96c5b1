//! Every local account with all that belongs to it.

use ruma::OwnedUserId;
use serde_json::{Map, Value, json};

use super::{
    Database, Row, account_data,
    batch::{Batch, text},
    cross_signing, device_keys, devices, pending, push_rules, pushers, quote, receipts,
};
use crate::{
    Result,
    bundle::UserRecord,
    job::Phase,
    model::user::User,
    source::intake::{Intake, Record, problem},
};

/// Users that are read together: some twenty queries each time.
const TOGETHER: usize = 500;

/// Hands over all users in the order of their IDs.
pub(super) fn read(database: &mut Database, to: &Intake) -> Result<()> {
    to.begin(Phase::ExportUsers, count(database)?);
    let columns = Columns::of(database)?;
    let (mut after, mut done) = (String::new(), 0);
    loop {
        to.blocking_turn()?;
        let (mut batch, read, last) = accounts(database, &columns, &after, to)?;
        threepids(&mut batch, database)?;
        external_ids(&mut batch, database)?;
        last_seen(&mut batch, database)?;
        let wanted = to.wanted();
        if wanted.devices {
            devices::read(&mut batch, database)?;
        }
        if !wanted.inventory {
            account_data::read(&mut batch, database)?;
            push_rules::read(&mut batch, database)?;
            pushers::read(&mut batch, database)?;
            receipts::read(&mut batch, database)?;
            if wanted.devices {
                device_keys::read(&mut batch, database)?;
            }
            cross_signing::read(&mut batch, database)?;
            pending::read(&mut batch, database, to)?;
        }
        let (users, problems) = batch.finish();
        for user in users {
            to.send_blocking(Record::User(Box::new(user)))?;
        }
        for problem in problems {
            to.send_blocking(Record::Problem(problem))?;
        }
        done += read as u64;
        to.done(Phase::ExportUsers, done);
        if read < TOGETHER {
            return Ok(());
        }
        after = last;
    }
}

fn count(database: &mut Database) -> Result<u64> {
    let mut count = 0;
    database.each("SELECT COUNT(*) FROM users", &mut |row| {
        count = row.count(0).unwrap_or_default();
        Ok(())
    })?;
    Ok(count)
}

/// Columns that not every known version has: their names, or NULL.
struct Columns {
    suspended: &'static str,
    fields: &'static str,
}

impl Columns {
    fn of(database: &mut Database) -> Result<Self> {
        Ok(Self {
            suspended: if database.has_column("users", "suspended")? {
                "u.suspended"
            } else {
                "NULL"
            },
            fields: if database.has_column("profiles", "fields")? {
                "CAST(p.fields AS TEXT)"
            } else {
                "NULL"
            },
        })
    }
}

/// The next accounts, how many rows they were, and the last one's name.
fn accounts(
    database: &mut Database,
    columns: &Columns,
    after: &str,
    to: &Intake,
) -> Result<(Batch, usize, String)> {
    let name = database.bytewise("u.name");
    let Columns { suspended, fields } = columns;
    let sql = format!(
        "SELECT u.name, u.admin, u.deactivated, u.is_guest, u.shadow_banned, u.locked, u.approved, u.user_type, \
         u.appservice_id, u.creation_ts, p.displayname, p.avatar_url, e.user_id, u.password_hash, {suspended}, {fields} \
         FROM users u LEFT JOIN profiles p ON p.full_user_id = u.name LEFT JOIN erased_users e ON e.user_id = u.name \
         WHERE {name} > {} ORDER BY {name} LIMIT {TOGETHER}",
        quote(after)
    );
    let (mut batch, mut last) = (Batch::default(), after.to_owned());
    let read = database.each(&sql, &mut |row| {
        let name = row.text(0).unwrap_or_default();
        name.clone_into(&mut last);
        match OwnedUserId::try_from(name) {
            Ok(user) if !to.matcher().user(&user) => {}
            Ok(user) if to.wanted().inventory => {
                batch.add(account(row, user, Map::new(), to));
            }
            Ok(user) => {
                let profile = profile(row).unwrap_or_else(|reason| {
                    batch.problem(problem("profile", &user, &reason));
                    Map::new()
                });
                batch.add(account(row, user, profile, to));
            }
            Err(error) => batch.problem(problem("user", name, &error)),
        }
        Ok(())
    })?;
    Ok((batch, usize::try_from(read).unwrap_or(TOGETHER), last))
}

fn account(
    row: &Row<'_>,
    user_id: OwnedUserId,
    profile: Map<String, Value>,
    to: &Intake,
) -> UserRecord {
    let flag = |index| row.flag(index).unwrap_or_default();
    let filled = |index| row.text(index).filter(|text| !text.is_empty());
    let mut user = UserRecord::new(User {
        user_id,
        displayname: row.text(10).map(str::to_owned),
        avatar_url: filled(11).map(str::to_owned),
        is_admin: flag(1),
        deactivated: flag(2),
        erased: row.text(12).is_some(),
        shadow_banned: flag(4),
        locked: flag(5),
        suspended: flag(14),
        is_guest: flag(3),
        // Synapse approves everybody unless it is told not to; then its API doesn't speak of it either.
        approved: row.flag(6).filter(|approved| !approved),
        user_type: row.text(7).map(str::to_owned),
        appservice_id: row.text(8).map(str::to_owned),
        // In seconds here.
        creation_ts: row.count(9).map(|seconds| seconds.saturating_mul(1000)),
        last_seen_ts: None,
        threepids: Vec::new(),
        external_ids: Vec::new(),
        profile,
    });
    if to.wanted().password_hashes {
        // Application services' users have an empty one, those of single sign-on none.
        user.password_hash = filled(13).map(|hash| hash.to_owned().into());
    }
    user
}

fn profile(row: &Row<'_>) -> Result<Map<String, Value>, String> {
    match row.text(15) {
        Some(fields) => serde_json::from_str::<Option<Map<String, Value>>>(fields)
            .map(Option::unwrap_or_default)
            .map_err(|error| format!("its custom fields are no JSON object ({error})")),
        None => Ok(Map::new()),
    }
}

fn threepids(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, medium, address, validated_at, added_at FROM user_threepids WHERE user_id IN {} \
         ORDER BY {}, {}",
        batch.list(),
        database.bytewise("medium"),
        database.bytewise("address")
    );
    batch.each(database, "third-party ID", &sql, |user, row| {
        user.user.threepids.push(json!({
            "medium": text(row, 1, "medium")?,
            "address": text(row, 2, "address")?,
            "validated_at": row.int(3),
            "added_at": row.int(4),
        }));
        Ok(())
    })
}

fn external_ids(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, auth_provider, external_id FROM user_external_ids WHERE user_id IN {} ORDER BY {}, {}",
        batch.list(),
        database.bytewise("auth_provider"),
        database.bytewise("external_id")
    );
    batch.each(database, "external ID", &sql, |user, row| {
        user.user.external_ids.push(json!({
            "auth_provider": text(row, 1, "provider")?,
            "external_id": text(row, 2, "external ID")?,
        }));
        Ok(())
    })
}

/// As Synapse's own list of users has it: by the devices, else by the addresses.
fn last_seen(batch: &mut Batch, database: &mut Database) -> Result<()> {
    for table in ["devices", "user_ips"] {
        let sql = format!(
            "SELECT user_id, MAX(last_seen) FROM {table} WHERE user_id IN {} GROUP BY user_id",
            batch.list()
        );
        batch.each(database, "last seen", &sql, |user, row| {
            user.user.last_seen_ts = user.user.last_seen_ts.or(row.count(1));
            Ok(())
        })?;
    }
    Ok(())
}
