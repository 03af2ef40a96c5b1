-- Synapse's tables at schema version 94, without what is not read.
CREATE TABLE schema_version (version INTEGER);
CREATE TABLE background_updates (update_name TEXT);
CREATE TABLE events (stream_ordering INTEGER);
CREATE TABLE event_json (event_id TEXT, json TEXT);
CREATE TABLE users (name TEXT, password_hash TEXT, creation_ts BIGINT, admin SMALLINT DEFAULT 0 NOT NULL,
    is_guest SMALLINT DEFAULT 0 NOT NULL, appservice_id TEXT, user_type TEXT, deactivated SMALLINT DEFAULT 0 NOT NULL,
    shadow_banned BOOLEAN, approved BOOLEAN, locked BOOLEAN DEFAULT FALSE NOT NULL,
    suspended BOOLEAN DEFAULT FALSE NOT NULL);
CREATE TABLE profiles (user_id TEXT, displayname TEXT, avatar_url TEXT, full_user_id TEXT, fields JSONB);
CREATE TABLE erased_users (user_id TEXT);
CREATE TABLE user_threepids (user_id TEXT, medium TEXT, address TEXT, validated_at BIGINT, added_at BIGINT);
CREATE TABLE user_external_ids (auth_provider TEXT, external_id TEXT, user_id TEXT);
CREATE TABLE user_ips (user_id TEXT, last_seen BIGINT);
CREATE TABLE devices (user_id TEXT, device_id TEXT, display_name TEXT, last_seen BIGINT, ip TEXT, user_agent TEXT,
    hidden BOOLEAN DEFAULT 0);
CREATE TABLE e2e_device_keys_json (user_id TEXT, device_id TEXT, key_json TEXT);
CREATE TABLE e2e_cross_signing_keys (user_id TEXT, keytype TEXT, keydata TEXT, stream_id BIGINT);
CREATE TABLE e2e_cross_signing_signatures (user_id TEXT, key_id TEXT, target_user_id TEXT, target_device_id TEXT,
    signature TEXT);
CREATE TABLE e2e_room_keys (user_id TEXT, room_id TEXT, session_id TEXT, version BIGINT, first_message_index INT,
    forwarded_count INT, is_verified BOOLEAN, session_data TEXT);
CREATE TABLE e2e_room_keys_versions (user_id TEXT, version BIGINT, algorithm TEXT, auth_data TEXT,
    deleted SMALLINT DEFAULT 0);
CREATE TABLE account_data (user_id TEXT, account_data_type TEXT, stream_id BIGINT, content TEXT);
CREATE TABLE room_account_data (user_id TEXT, room_id TEXT, account_data_type TEXT, stream_id BIGINT, content TEXT);
CREATE TABLE room_tags (user_id TEXT, room_id TEXT, tag TEXT, content TEXT);
CREATE TABLE push_rules (user_name TEXT, rule_id TEXT, priority_class SMALLINT, priority INTEGER, conditions TEXT,
    actions TEXT);
CREATE TABLE push_rules_enable (user_name TEXT, rule_id TEXT, enabled SMALLINT);
CREATE TABLE pushers (user_name TEXT, profile_tag TEXT, kind TEXT, app_id TEXT, app_display_name TEXT,
    device_display_name TEXT, pushkey TEXT, lang TEXT, data TEXT, enabled BOOLEAN);
CREATE TABLE receipts_linearized (stream_id BIGINT, room_id TEXT, receipt_type TEXT, user_id TEXT, event_id TEXT,
    data TEXT, thread_id TEXT);
CREATE TABLE local_current_membership (room_id TEXT, user_id TEXT, event_id TEXT, membership TEXT);
CREATE TABLE local_media_repository (media_id TEXT, media_type TEXT, media_length INTEGER, created_ts BIGINT,
    upload_name TEXT, user_id TEXT, quarantined_by TEXT, url_cache TEXT, safe_from_quarantine BOOLEAN DEFAULT 0,
    sha256 TEXT);
CREATE TABLE server_keys_json (server_name TEXT, key_id TEXT, from_server TEXT, ts_added_ms BIGINT,
    ts_valid_until_ms BIGINT, key_json bytea);
