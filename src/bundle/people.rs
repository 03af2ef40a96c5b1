//! The files with an entry per user, written together.

use std::{collections::BTreeMap, path::Path};

use ruma::{OwnedRoomId, OwnedUserId};
use serde::Serialize;

use super::{
    checkpoint::Lengths,
    file_names::{
        ACCOUNT_DATA, CROSS_SIGNING, DEVICE_KEYS, DEVICES, PASSWORD_HASHES, PENDING, PUSH_RULES,
        PUSHERS, RECEIPTS, USERS,
    },
    fresh,
    json_stream::{self, JsonFile},
    records::UserRecord,
};
use crate::{
    Result,
    model::{device::Device, pending::Pending, user::User, wanted::Wanted},
    secret::{ExposeSecret, SecretString},
};

/// Everything by user. A user without an entry in one of the files has nothing there.
pub(super) struct People {
    users: JsonFile,
    account_data: JsonFile,
    push_rules: JsonFile,
    pushers: JsonFile,
    receipts: JsonFile,
    pending: JsonFile,
    cross_signing: JsonFile,
    /// Devices, and their keys.
    devices: Option<(JsonFile, JsonFile)>,
    /// Only if they were asked for.
    hashes: Option<BTreeMap<OwnedUserId, SecretString>>,
}

/// With both names that version 1 has for the same thing.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a OwnedUserId,
    #[serde(flatten)]
    user: &'a User,
}

/// The shape of version 1.
#[derive(Serialize)]
struct Devices<'a> {
    devices: &'a [Device],
}

impl People {
    pub(super) fn create(dir: &Path, wanted: &Wanted, marks: &Lengths) -> Result<Self> {
        let map = |name: &str| JsonFile::map(dir.join(name), marks.of(name));
        let devices = || -> Result<_> { Ok((map(DEVICES)?, map(DEVICE_KEYS)?)) };
        Ok(Self {
            users: JsonFile::list(dir.join(USERS), marks.of(USERS))?,
            account_data: map(ACCOUNT_DATA)?,
            push_rules: map(PUSH_RULES)?,
            pushers: map(PUSHERS)?,
            receipts: map(RECEIPTS)?,
            pending: map(PENDING)?,
            cross_signing: map(CROSS_SIGNING)?,
            devices: wanted.devices.then(devices).transpose()?,
            hashes: wanted.password_hashes.then(BTreeMap::new),
        })
    }

    pub(super) fn add(&mut self, record: &UserRecord) -> Result<()> {
        let user = &record.user;
        let id = user.user_id.as_str();
        let name = &user.user_id;
        self.users.item(&Entry { name, user })?;
        if !record.account_data.is_empty() {
            self.account_data.entry(id, &record.account_data)?;
        }
        if !record.push_rules.is_empty() {
            self.push_rules.entry(id, &record.push_rules)?;
        }
        if !record.pushers.is_empty() {
            self.pushers.entry(id, &record.pushers)?;
        }
        if !record.receipts.is_empty() {
            self.receipts.entry(id, &record.receipts)?;
        }
        if !record.pending.is_empty() {
            self.pending.entry(id, &by_room(&record.pending))?;
        }
        if !record.cross_signing.is_empty() {
            self.cross_signing.entry(id, &record.cross_signing)?;
        }
        if let Some((devices, keys)) = &mut self.devices {
            if !record.devices.is_empty() {
                let list = Devices {
                    devices: &record.devices,
                };
                devices.entry(id, &list)?;
            }
            if !record.device_keys.is_empty() {
                keys.entry(id, &record.device_keys)?;
            }
        }
        if let (Some(hashes), Some(hash)) = (&mut self.hashes, &record.password_hash) {
            hashes.insert(user.user_id.clone(), hash.clone());
        }
        Ok(())
    }

    /// The bytes from which a later run can go on.
    pub(super) fn mark(&mut self, marks: &mut Lengths) -> Result<()> {
        let mut files = vec![
            (USERS, &mut self.users),
            (ACCOUNT_DATA, &mut self.account_data),
            (PUSH_RULES, &mut self.push_rules),
            (PUSHERS, &mut self.pushers),
            (RECEIPTS, &mut self.receipts),
            (PENDING, &mut self.pending),
            (CROSS_SIGNING, &mut self.cross_signing),
        ];
        if let Some((devices, keys)) = &mut self.devices {
            files.extend([(DEVICES, devices), (DEVICE_KEYS, keys)]);
        }
        for (name, file) in files {
            marks.0.insert(name.to_owned(), file.mark()?);
        }
        Ok(())
    }

    pub(super) fn finish(self, dir: &Path) -> Result<()> {
        for file in [
            self.users,
            self.account_data,
            self.push_rules,
            self.pushers,
            self.receipts,
            self.pending,
            self.cross_signing,
        ] {
            file.finish()?;
        }
        if let Some((devices, keys)) = self.devices {
            devices.finish()?;
            keys.finish()?;
        }
        if let Some(hashes) = self.hashes {
            let path = dir.join(PASSWORD_HASHES);
            fresh::dirs(path.parent().unwrap_or(dir))?;
            let plain: BTreeMap<_, _> = hashes
                .iter()
                .map(|(user, hash)| (user, hash.expose_secret()))
                .collect();
            fresh::written(&path, json_stream::json(&plain, &path)?.as_bytes())?;
        }
        Ok(())
    }
}

fn by_room(pending: &[Pending]) -> BTreeMap<&OwnedRoomId, &Pending> {
    pending
        .iter()
        .map(|entry| (&entry.room_id, entry))
        .collect()
}
