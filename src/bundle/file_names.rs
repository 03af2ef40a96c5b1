//! The names of the files in a bundle.

/// Checksums of all the others.
pub(super) const MANIFEST: &str = "manifest.json";
/// Version, source and list of files.
pub(super) const SCHEMA: &str = "schema.json";
/// Counts, as version 1 had them.
pub(super) const METADATA: &str = "metadata.json";
/// A list of users.
pub(super) const USERS: &str = "users.json";
/// A list of rooms.
pub(super) const ROOMS: &str = "rooms.json";
/// Room → list of current state events in the client's format.
pub(super) const ROOM_STATE: &str = "room_state.json";
/// Room → user → membership.
pub(super) const MEMBERSHIPS: &str = "memberships.json";
/// Local alias → room.
pub(super) const ALIASES: &str = "aliases.json";
/// Server → list of its signing key objects.
pub(super) const SERVER_KEYS: &str = "server_keys.json";
/// What could not be read from the source.
pub(super) const PROBLEMS: &str = "problems.json";
/// User → global and per-room account data.
pub(super) const ACCOUNT_DATA: &str = "account_data.json";
/// User → own push rules and changed defaults.
pub(super) const PUSH_RULES: &str = "push_rules.json";
/// User → pushers.
pub(super) const PUSHERS: &str = "pushers.json";
/// User → room → receipts.
pub(super) const RECEIPTS: &str = "receipts.json";
/// User → `{devices: […]}`.
pub(super) const DEVICES: &str = "devices.json";
/// User → device → public keys.
pub(super) const DEVICE_KEYS: &str = "device_keys.json";
/// User → cross-signing keys.
pub(super) const CROSS_SIGNING: &str = "cross_signing.json";
/// User → pending invites and knocks.
pub(super) const PENDING: &str = "pending.json";
/// Published rooms.
pub(super) const DIRECTORY: &str = "directory.json";
/// Local media.
pub(super) const MEDIA_REFS: &str = "media_refs.json";
/// Encrypted sessions of server-side key backups.
pub(super) const KEY_BACKUPS: &str = "key_backups.ndjson.zst";
/// State before events that follow one which the bundle lacks.
pub(super) const STATE_SNAPSHOTS: &str = "state_snapshots.ndjson.zst";
/// User → bcrypt hash; only if asked for.
pub(super) const PASSWORD_HASHES: &str = "secrets/password_hashes.json";
/// The page for people.
pub(super) const REPORT: &str = "report.html";
/// Where each room's events are.
pub(super) const EVENT_INDEX: &str = "events/index.json";

/// Version 1 wrote these after its manifest, so they are not in it.
pub(super) const UNLISTED_IN_V1: [&str; 2] = [SCHEMA, REPORT];
/// Version 1's copy of Synapse's media, which its manifest doesn't list either.
pub(super) const MEDIA_IN_V1: &str = "media_store/";
