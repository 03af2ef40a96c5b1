-- A user of whom Synapse knows a row of everything.
INSERT INTO users VALUES ('@anna:ferry.test', '$2b$12$hash', 1700000000, 1, 0, 'bridge', 'bot', 1, 1, 0, 1, 1);
INSERT INTO profiles VALUES ('anna', 'Änna', 'mxc://ferry.test/a', '@anna:ferry.test', '{"m.tz":"Europe/Berlin"}');
INSERT INTO erased_users VALUES ('@anna:ferry.test');
INSERT INTO user_threepids VALUES ('@anna:ferry.test', 'msisdn', '49123', 1, 2), ('@anna:ferry.test', 'email', 'a@b.c', 1, 2);
INSERT INTO user_external_ids VALUES ('oidc-z', '2', '@anna:ferry.test'), ('oidc-a', '1', '@anna:ferry.test');
INSERT INTO user_ips VALUES ('@anna:ferry.test', 9000);
INSERT INTO devices VALUES
    ('@anna:ferry.test', 'PHONE', 'Phone', 5000, '192.0.2.1', 'Agent', 0), ('@anna:ferry.test', 'BARE', NULL, NULL, NULL, NULL, 0),
    ('@anna:ferry.test', 'master', 'master signing key', NULL, NULL, NULL, 1);
INSERT INTO e2e_device_keys_json VALUES
    ('@anna:ferry.test', 'PHONE', '{"device_id":"PHONE","keys":{"ed25519:PHONE":"phone"},"signatures":{"@anna:ferry.test":{"ed25519:PHONE":"own"}},"unsigned":{"x":1},"user_id":"@anna:ferry.test"}'),
    ('@anna:ferry.test', 'GONE', '{}');
INSERT INTO e2e_cross_signing_keys VALUES
    ('@anna:ferry.test', 'master', '{"keys":{"ed25519:former":"former"},"usage":["master"]}', 1),
    ('@anna:ferry.test', 'master', '{"keys":{"ed25519:msk":"msk"},"usage":["master"],"user_id":"@anna:ferry.test"}', 4),
    ('@anna:ferry.test', 'self_signing', '{"keys":{"ed25519:ssk":"ssk"},"signatures":{"@anna:ferry.test":{"ed25519:msk":"m"}}}', 2),
    ('@anna:ferry.test', 'user_signing', '{"keys":{"ed25519:usk":"usk"}}', 3);
INSERT INTO e2e_cross_signing_signatures VALUES
    ('@anna:ferry.test', 'ed25519:ssk', '@anna:ferry.test', 'PHONE', 'by-ssk'),
    ('@anna:ferry.test', 'ed25519:PHONE', '@anna:ferry.test', 'msk', 'by-phone'),
    ('@anna:ferry.test', 'ed25519:usk', '@ben:other.test', 'bens-msk', 'by-usk');
INSERT INTO account_data VALUES
    ('@anna:ferry.test', 'm.direct', 1, '{"@ben:other.test": ["!r:x"]}'), ('@anna:ferry.test', 'm.secret_storage.default_key', 2, x'7b7d');
INSERT INTO room_account_data VALUES ('@anna:ferry.test', '!r:x', 'm.fully_read', 1, '{"event_id":"$e"}');
INSERT INTO room_tags VALUES ('@anna:ferry.test', '!r:x', 'u.work', '{"order":0.50}'), ('@anna:ferry.test', '!r:x', 'm.favourite', '{}');
INSERT INTO push_rules VALUES
    ('@anna:ferry.test', 'global/override/.m.rule.suppress_notices', -1, 1, '[]', '["notify"]'),
    ('@anna:ferry.test', 'global/override/low', 5, 0, '[{"kind":"event_match","key":"type","pattern":"m","_cache_key":"x"}]', '["notify"]'),
    ('@anna:ferry.test', 'global/override/high', 5, 7, '[]', '[]'),
    ('@anna:ferry.test', 'global/content/word', 4, 0, '[{"kind":"event_match","key":"content.body","pattern":"ferry"}]', '["notify"]'),
    ('@anna:ferry.test', 'global/room/!r:x', 3, 0, '[{"kind":"event_match","key":"room_id","pattern":"!r:x"}]', '["dont_notify"]'),
    ('@anna:ferry.test', 'global/sender/@spam:x', 2, 0, '[{"kind":"event_match","key":"user_id","pattern":"@spam:x"}]', '[]'),
    ('@anna:ferry.test', 'global/underride/.org.example.new', -1, 1, '[]', '["notify"]');
INSERT INTO push_rules_enable VALUES
    ('@anna:ferry.test', 'global/override/low', 0), ('@anna:ferry.test', 'global/override/.m.rule.master', 1),
    ('@anna:ferry.test', 'global/underride/.m.rule.message', 1);
INSERT INTO pushers VALUES
    ('@anna:ferry.test', 'tag', 'http', 'app', 'App', 'Phone', 'key', 'en', '{"url":"https://push.test"}', 0),
    ('@anna:ferry.test', '', 'email', 'm.email', 'Mail', 'a@b.c', 'a@b.c', NULL, NULL, 1);
INSERT INTO receipts_linearized VALUES
    (3, '!r:x', 'm.read', '@anna:ferry.test', '$new:x', '{"ts":7}', NULL), (2, '!r:x', 'm.read', '@anna:ferry.test', '$old:x', '{"ts":5}', NULL),
    (4, '!r:x', 'm.read', '@anna:ferry.test', '$thread:x', '{"ts":8}', '$root:x'), (5, '!q:x', 'm.read.private', '@anna:ferry.test', '$e:x', '{}', 'main'),
    (6, '!r:x', 'm.read', '@stranger:other.test', '$new:x', '{"ts":7}', NULL);
INSERT INTO event_json VALUES
    ('$invite', '{"type":"m.room.member","depth": 3,"unsigned":{"age":4,"invite_room_state":[{"type":"m.room.name","state_key":"","content":{"name":"R"}},{"type":"m.room.member","state_key":"@anna:ferry.test","content":{}},{"type":"m.room.create","state_key":"","content":{}}]}}'),
    ('$knock', '{"type":"m.room.member"}');
INSERT INTO local_current_membership VALUES
    ('!z:other.test', '@anna:ferry.test', '$invite', 'invite'), ('!k:other.test', '@anna:ferry.test', '$knock', 'knock'),
    ('!j:ferry.test', '@anna:ferry.test', '$join', 'join');
