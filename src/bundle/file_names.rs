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
/// Where each room's events are.
pub(super) const EVENT_INDEX: &str = "events/index.json";

/// Version 1 wrote these after its manifest, so they are not in it.
pub(super) const UNLISTED_IN_V1: [&str; 2] = [SCHEMA, "report.html"];
/// Version 1's copy of Synapse's media, which its manifest doesn't list either.
pub(super) const MEDIA_IN_V1: &str = "media_store/";
