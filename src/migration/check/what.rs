//! Everything that can be found, each with its stable code.

use std::path::PathBuf;

use ruma::OwnedServerName;

use super::{Left, Severity};

/// Whose clock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Synapse's.
    Source,
    /// The target's.
    Target,
}

/// What needs room in the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// An export from a database of this size.
    Export,
    /// An import of a bundle that has this size when it is unpacked.
    Import,
}

/// One thing that was looked at. `reason`s are errors' own words, with their remedies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Synapse answers an admin.
    Source {
        /// Its version.
        version: String,
    },
    /// Synapse doesn't answer.
    SourceUnreachable {
        /// Why.
        reason: String,
    },
    /// Synapse refuses the token, or its user is no admin.
    SourceNotAdmin {
        /// Why.
        reason: String,
    },
    /// Synapse can't be read by its API for another reason.
    SourceUnusable {
        /// Why.
        reason: String,
    },
    /// The token is of another server's user.
    SourceOther {
        /// That server.
        name: OwnedServerName,
        /// The configured one.
        configured: OwnedServerName,
    },
    /// Synapse still changes its database; the subjects are the changes. The API names only the one that is worked on,
    /// which is another one soon: then there are no subjects.
    BackgroundUpdates,
    /// Synapse's database can be read.
    Database {
        /// Which.
        place: String,
    },
    /// It is configured, but can't be read.
    DatabaseUnreadable {
        /// Why.
        reason: String,
    },
    /// A server's clock and this machine's differ.
    Clock {
        /// Whose.
        whose: Whose,
        /// How far it is ahead, in seconds; below zero, behind.
        ahead: i64,
    },
    /// All clocks that could be seen agree.
    Clocks,
    /// The target answers.
    Target {
        /// Software and version.
        software: String,
    },
    /// The target doesn't answer.
    TargetUnreachable {
        /// Why.
        reason: String,
    },
    /// The target refuses a token of ours, or takes it for another's.
    TargetToken {
        /// Why.
        reason: String,
    },
    /// The target answers something else.
    TargetUnusable {
        /// Why.
        reason: String,
    },
    /// A stand-in.
    TargetNotTuwunel {
        /// Software and version.
        software: String,
    },
    /// A Tuwunel before all that were tried.
    TargetTooOld {
        /// Software and version.
        software: String,
    },
    /// A Tuwunel after all that were tried.
    TargetUntried {
        /// Software and version.
        software: String,
    },
    /// The bot is no admin there.
    TargetNotAdmin {
        /// Why.
        reason: String,
    },
    /// The target does not reach the bot.
    BotUnreachable {
        /// The bot's address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The old server's public keys are known.
    OldKeys {
        /// How many.
        count: u64,
    },
    /// They are not.
    OldKeysUnknown {
        /// Why.
        reason: String,
    },
    /// The target signs with the old server's key: it is the source.
    TargetIsSource {
        /// Where it was taken for the target.
        url: String,
    },
    /// The signing key that is lent for receipts can be used.
    ReceiptsKey,
    /// It can't.
    ReceiptsKeyUnusable {
        /// Why.
        reason: String,
    },
    /// The target reaches the resident.
    Resident {
        /// Its name.
        name: OwnedServerName,
    },
    /// It can't listen.
    ResidentNotListening {
        /// Why.
        reason: String,
    },
    /// The target doesn't reach it.
    ResidentUnreachable {
        /// Why.
        reason: String,
    },
    /// What the target reaches by its name is something else: no request arrived.
    ResidentElsewhere {
        /// Its name.
        name: OwnedServerName,
    },
    /// The target, which has another name, reaches the old server.
    OldServer {
        /// Its name.
        name: OwnedServerName,
    },
    /// It doesn't.
    OldServerUnreachable {
        /// Why.
        reason: String,
    },
    /// The target has no federation at all.
    FederationOff,
    /// The target doesn't ask the resident for keys.
    ResidentNotTrusted {
        /// Its name.
        name: OwnedServerName,
    },
    /// It has not asked in time.
    ResidentTrustUnknown {
        /// Its name.
        name: OwnedServerName,
    },
    /// The target also asks other servers for their keys.
    KeysAskedElsewhere,
    /// There is no bundle yet.
    NoBundle,
    /// The bundle is whole.
    Bundle {
        /// Its file name.
        name: String,
    },
    /// It can't be opened or planned.
    BundleUnusable {
        /// Why.
        reason: String,
    },
    /// Its export broke off.
    BundleIncomplete {
        /// Its file name.
        name: String,
    },
    /// Its export could not read everything; the subjects are what.
    BundleProblems {
        /// Its file name.
        name: String,
    },
    /// It was made so many days ago.
    BundleOld {
        /// Its file name.
        name: String,
        /// Whole days.
        days: u64,
    },
    /// Synapse has written events since.
    BundleBehind {
        /// Its file name.
        name: String,
        /// How many at the most.
        events: u64,
    },
    /// It was exported by API, and not as the users.
    BundleLacksOwn {
        /// Its file name.
        name: String,
    },
    /// Files whose content is not in it, because the export was not asked for it.
    MediaNotExported {
        /// How many.
        files: u64,
    },
    /// Files that are lost or quarantined on Synapse; the subjects are they.
    MediaLost,
    /// Files that may be too large for the target; the subjects are they.
    MediaLarge {
        /// The target's limit for uploads, in bytes.
        limit: u64,
    },
    /// Rooms that are carried over.
    Rooms {
        /// So many.
        carried: u64,
        /// Of so many.
        of: u64,
    },
    /// Rooms that stay behind, the subjects.
    RoomsLeft(
        /// Why.
        Left,
    ),
    /// Rooms that the bundle can't tell about, the subjects.
    RoomsUnreadable,
    /// Invites and knocks that can't be brought over; the subjects are user and room.
    WaitingLeft,
    /// Rooms whose past everybody on the target can read, the subjects.
    PastReadable,
    /// Rooms with members on other servers.
    RoomsShared {
        /// How many; the subjects are the servers.
        rooms: u64,
    },
    /// Users who are carried over.
    Users {
        /// So many.
        carried: u64,
        /// Of so many.
        of: u64,
    },
    /// Users who are locked, suspended or shadow-banned, the subjects.
    UsersClosed,
    /// Users whose name the target or Ferryman has for itself, the subjects.
    UsersNamesTaken,
    /// Users whose name the target refuses, the subjects.
    UsersNamesRefused {
        /// The target's words about the first of them.
        reason: String,
    },
    /// Users, operators left out, whose account is there already, the subjects.
    UsersThere,
    /// Users who log in by single sign-on.
    UsersSignOn {
        /// How many logins; the subjects are the providers.
        users: u64,
    },
    /// There is room in the data folder.
    Disk {
        /// Free bytes.
        free: u64,
    },
    /// There may be too little.
    DiskShort {
        /// Free bytes.
        free: u64,
        /// The bytes that are wanted.
        needed: u64,
        /// For what.
        needs: Needs,
        /// The folder.
        dir: PathBuf,
    },
    /// There is none.
    DiskFull {
        /// Free bytes.
        free: u64,
        /// The folder.
        dir: PathBuf,
    },
}

impl What {
    /// Its stable name, and how it is.
    #[must_use]
    pub fn kind(&self) -> (&'static str, Severity) {
        use Severity::{Error, Good, Warning};
        match self {
            Self::Source { .. } => ("source", Good),
            Self::SourceUnreachable { .. } => ("source-unreachable", Error),
            Self::SourceNotAdmin { .. } => ("source-not-admin", Error),
            Self::SourceUnusable { .. } => ("source-unusable", Error),
            Self::SourceOther { .. } => ("source-other-server", Error),
            Self::BackgroundUpdates => ("background-updates", Warning),
            Self::Database { .. } => ("database", Good),
            Self::DatabaseUnreadable { .. } => ("database-unreadable", Warning),
            Self::Clock { whose, .. } => match whose {
                Whose::Source => ("source-clock", Warning),
                Whose::Target => ("target-clock", Warning),
            },
            Self::Clocks => ("clocks", Good),
            Self::Target { .. } => ("target", Good),
            Self::TargetUnreachable { .. } => ("target-unreachable", Error),
            Self::TargetToken { .. } => ("target-token", Error),
            Self::TargetUnusable { .. } => ("target-unusable", Error),
            Self::TargetNotTuwunel { .. } => ("target-not-tuwunel", Warning),
            Self::TargetTooOld { .. } => ("target-too-old", Warning),
            Self::TargetUntried { .. } => ("target-untried", Warning),
            Self::TargetNotAdmin { .. } => ("target-not-admin", Error),
            Self::BotUnreachable { .. } => ("bot-unreachable", Warning),
            Self::OldKeys { .. } => ("old-keys", Good),
            Self::OldKeysUnknown { .. } => ("old-keys-unknown", Error),
            Self::TargetIsSource { .. } => ("target-is-source", Error),
            Self::ReceiptsKey => ("receipts-key", Good),
            Self::ReceiptsKeyUnusable { .. } => ("receipts-key-unusable", Error),
            Self::Resident { .. } => ("resident", Good),
            Self::ResidentNotListening { .. } => ("resident-not-listening", Error),
            Self::ResidentUnreachable { .. } => ("resident-unreachable", Error),
            Self::ResidentElsewhere { .. } => ("resident-elsewhere", Error),
            Self::OldServer { .. } => ("old-server", Good),
            Self::OldServerUnreachable { .. } => ("old-server-unreachable", Error),
            Self::FederationOff => ("federation-off", Error),
            Self::ResidentNotTrusted { .. } => ("resident-not-trusted", Error),
            Self::ResidentTrustUnknown { .. } => ("resident-trust-unknown", Warning),
            Self::KeysAskedElsewhere => ("keys-asked-elsewhere", Warning),
            Self::NoBundle => ("no-bundle", Good),
            Self::Bundle { .. } => ("bundle", Good),
            Self::BundleUnusable { .. } => ("bundle-unusable", Error),
            Self::BundleIncomplete { .. } => ("bundle-incomplete", Error),
            Self::BundleProblems { .. } => ("bundle-problems", Warning),
            Self::BundleOld { .. } => ("bundle-old", Warning),
            Self::BundleBehind { .. } => ("bundle-behind", Warning),
            Self::BundleLacksOwn { .. } => ("bundle-lacks-own", Warning),
            Self::MediaNotExported { .. } => ("media-not-exported", Warning),
            Self::MediaLost => ("media-lost", Warning),
            Self::MediaLarge { .. } => ("media-large", Warning),
            Self::Rooms { .. } => ("rooms", Good),
            Self::RoomsLeft(left) => (left_code(*left), Warning),
            Self::RoomsUnreadable => ("rooms-unreadable", Warning),
            Self::WaitingLeft => ("waiting-left", Warning),
            Self::PastReadable => ("past-readable", Warning),
            Self::RoomsShared { .. } => ("rooms-shared", Warning),
            Self::Users { .. } => ("users", Good),
            Self::UsersClosed => ("users-closed", Warning),
            Self::UsersNamesTaken => ("users-names-taken", Warning),
            Self::UsersNamesRefused { .. } => ("users-names-refused", Warning),
            Self::UsersThere => ("users-there", Warning),
            Self::UsersSignOn { .. } => ("users-sign-on", Warning),
            Self::Disk { .. } => ("disk", Good),
            Self::DiskShort { needs, .. } => match needs {
                Needs::Export => ("disk-short-for-export", Warning),
                Needs::Import => ("disk-short-for-import", Warning),
            },
            Self::DiskFull { .. } => ("disk-full", Error),
        }
    }

    /// What makes it worse when it is added, apart from the subjects. A number that grows by itself is told by powers of
    /// two: an acceptance holds until it has doubled, at the latest.
    pub(super) fn facts(&self) -> Vec<String> {
        match self {
            Self::DatabaseUnreadable { reason } => vec![reason.clone()],
            Self::Clock { ahead, .. } => {
                let way = if *ahead < 0 { "behind" } else { "ahead" };
                powers(way, ahead.unsigned_abs())
            }
            Self::TargetNotTuwunel { software }
            | Self::TargetTooOld { software }
            | Self::TargetUntried { software } => vec![software.clone()],
            Self::BundleOld { days, .. } => powers("days", *days),
            Self::BundleBehind { events, .. } => powers("events", *events),
            Self::MediaNotExported { files } => powers("files", *files),
            Self::RoomsShared { rooms } => powers("rooms", *rooms),
            Self::UsersSignOn { users } => powers("users", *users),
            Self::DiskShort { free, needed, .. } => powers("short", needed.saturating_sub(*free)),
            _ => Vec::new(),
        }
    }
}

fn left_code(left: Left) -> &'static str {
    match left {
        Left::UnknownVersion => "rooms-version-unknown",
        Left::Version => "rooms-version-not-taken",
        Left::NoEvents => "rooms-without-events",
        Left::NobodyJoined => "rooms-without-joiner",
        Left::OnlyWaiting => "rooms-only-waiting",
        Left::NoPlace => "rooms-without-place",
        Left::Closed => "rooms-closed",
        Left::NoHost => "rooms-without-host",
    }
}

/// `name 1`, `name 2`, `name 4` … up to a number.
fn powers(name: &str, number: u64) -> Vec<String> {
    let all = std::iter::successors(Some(1_u64), |last| last.checked_mul(2));
    all.take_while(|power| *power <= number)
        .map(|power| format!("{name} {power}"))
        .collect()
}
