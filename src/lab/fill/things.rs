//! Everything that is not a room's ordinary event: what an export has to find again, exactly as it was sent.

use std::collections::BTreeMap;

use super::{
    FilledUser, Town,
    account_data::{self, AccountData},
    accounts::{self, Account},
    backups::{self, Backup},
    cross_signing::{self, CrossSigning},
    devices::{self, Devices},
    diary::SentEvent,
    media::{self, Medium},
    pending::{self, Pending},
    plaza::{self, Directory},
    push::{self, Push},
    receipts::{self, Receipt},
};
use crate::lab::{Result, synapse::Synapse};

/// By user ID, unless it says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Things {
    /// Every account.
    pub accounts: BTreeMap<String, Account>,
    /// Every device; closed accounts have none.
    pub devices: BTreeMap<String, Devices>,
    /// Cross-signing keys of those who have any.
    pub cross_signing: BTreeMap<String, CrossSigning>,
    /// Key backups in the order of their making.
    pub backups: BTreeMap<String, Vec<Backup>>,
    /// Account data and tags.
    pub account_data: AccountData,
    /// Push rules and pushers.
    pub push: Push,
    /// Read receipts.
    pub receipts: Vec<Receipt>,
    /// Open invitations and knocks.
    pub pending: Vec<Pending>,
    /// Aliases, published rooms, blocked rooms.
    pub directory: Directory,
    /// Uploads by `mxc://` URI.
    pub media: BTreeMap<String, Medium>,
    /// Events worth a look of their own, by name.
    pub events: BTreeMap<&'static str, SentEvent>,
    /// IDs of events that an admin has purged.
    pub purged: Vec<String>,
}

/// Makes all of it, but the events, in a town whose rooms are there.
pub(super) async fn make(
    synapse: &Synapse,
    town: &Town,
    users: &BTreeMap<&'static str, FilledUser>,
    rooms: &BTreeMap<&'static str, String>,
    events: BTreeMap<&'static str, SentEvent>,
    purged: Vec<String>,
) -> Result<Things> {
    accounts::register_details(town).await?;
    let keys = async {
        let (mut devices, signers) = devices::devices(town).await?;
        let identities = cross_signing::cross_sign(town, &signers, &mut devices).await?;
        Ok((devices, identities))
    };
    let data = async {
        let mut data = account_data::keep(town, rooms).await?;
        let receipts = receipts::read(town, &events, &mut data).await?;
        Ok((data, receipts))
    };
    let ((mut devices, cross_signing), (account_data, receipts), backups, push, media, pending) = tokio::try_join!(
        keys,
        data,
        backups::back_up(town, rooms),
        push::push(town, rooms),
        media::upload(town, users, rooms),
        pending::pending(town, rooms),
    )?;
    let accounts = accounts::shut_out(town, synapse).await?;
    // Closing an account ends its sessions.
    devices.retain(|user, _| {
        accounts
            .get(user)
            .is_none_or(|account| !account.deactivated)
    });
    Ok(Things {
        accounts,
        devices,
        cross_signing,
        backups,
        account_data,
        push,
        receipts,
        pending,
        directory: plaza::directory(town, rooms),
        media,
        events,
        purged,
    })
}
