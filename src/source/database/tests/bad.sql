-- What no Synapse writes, and what old ones left behind.
INSERT INTO users (name, creation_ts, shadow_banned, approved) VALUES ('no-id', 1, 0, 1), ('@bad:ferry.test', -5, NULL, 1);
INSERT INTO profiles VALUES ('bad', NULL, '', '@bad:ferry.test', '[1]');
INSERT INTO user_threepids VALUES ('@bad:ferry.test', NULL, 'x', 1, 2), ('@nobody:ferry.test', 'email', 'x', 1, 2);
INSERT INTO devices VALUES ('@bad:ferry.test', 'D', NULL, -1, NULL, NULL, 0);
INSERT INTO e2e_device_keys_json VALUES ('@bad:ferry.test', 'D', '[]');
INSERT INTO e2e_cross_signing_keys VALUES
    ('@bad:ferry.test', 'master', '{}', 1), ('@bad:ferry.test', 'master', 'null', 2), ('@bad:ferry.test', 'odd', '{}', 3);
INSERT INTO e2e_cross_signing_signatures VALUES ('@bad:ferry.test', 'k', 'nobody', 'x', 's');
INSERT INTO account_data VALUES ('@bad:ferry.test', 'm.broken', 1, '{'), ('@bad:ferry.test', 'm.fine', 2, '{}');
INSERT INTO room_account_data VALUES ('@bad:ferry.test', 'room', 'm.x', 1, '{}'), ('@bad:ferry.test', '!r:x', 'm.y', 1, x'ff');
INSERT INTO room_tags VALUES ('@bad:ferry.test', '!r:x', 't', 'x');
INSERT INTO push_rules VALUES
    ('@bad:ferry.test', 'global/room/!r:x', 3, 0, '[]', '[]'), ('@bad:ferry.test', 'global/odd/x', 3, 0, '[]', '[]'),
    ('@bad:ferry.test', 'global/override/x', 5, 0, '[', '[]'), ('@bad:ferry.test', 'x', 5, 0, '[]', '[]');
INSERT INTO pushers VALUES ('@bad:ferry.test', '', 'http', 'app', 'App', 'Phone', 'key', 'en', '{', 1);
INSERT INTO receipts_linearized VALUES (3, '!r:x', 'm.read', '@bad:ferry.test', 'event', '{"ts":7}', NULL), (4, '!r:x', 'm.read', '@bad:ferry.test', '$e', 'x', NULL);
INSERT INTO event_json VALUES ('$odd', '{"unsigned":{"invite_room_state":[5]}}');
INSERT INTO local_current_membership VALUES ('!a:x', '@bad:ferry.test', '$gone', 'invite'), ('!b:x', '@bad:ferry.test', '$odd', 'invite');
