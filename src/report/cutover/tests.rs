use super::*;
use crate::{
    config::sample,
    engine::cutover::Done,
    migration::outcome::Health,
    outside::{Door, Doors},
};

fn at(steps: &[(Step, bool)]) -> Cutover {
    let done = |(step, accepted): &(Step, bool)| {
        let at_ts = 1_763_900_000_000;
        (
            *step,
            Done {
                at_ts,
                accepted: *accepted,
            },
        )
    };
    Cutover {
        steps: steps.iter().map(done).collect(),
        ..Cutover::default()
    }
}

fn doors(door: &Door) -> Doors {
    Doors {
        messages: door.clone(),
        logins: door.clone(),
        servers: door.clone(),
        unread: None,
    }
}

fn finding(state: Health) -> Finding {
    Finding {
        check: "clients".to_owned(),
        state,
        text: "Synapse answers at https://matrix.ferry.test: change the proxy, and reload it"
            .to_owned(),
    }
}

#[test]
fn the_whole_way_is_shown_with_what_comes_next() {
    let config = sample("data".as_ref());
    let cutover = at(&[(Step::CatchUp, false), (Step::Freeze, true)]);
    insta::assert_snapshot!(course(&cutover, &config, None), @r"
    **Cutover: 2 of 7 steps are done.**

    - `catch-up`: what has changed since the import comes over while everybody writes on; ✓ since 2025-11-23 12:13:20 UTC
    - `freeze`: nobody writes any more, everybody reads; ✓ since 2025-11-23 12:13:20 UTC, with what was accepted
    - `last-sync`: the rest comes over; comes next
    - `verify`: Tuwunel is compared with the newest bundle; later
    - `switch`: the proxy hands everything to Tuwunel, looked at from outside; later
    - `settings`: Tuwunel's settings for the migration are taken back; later
    - `federation`: rooms that other servers share hear of the new server; later

    The next step is the last `sync`: it looks first that the doors are still closed.

    Next: `cutover next`.
    ");
    let all = Step::ALL.map(|step| (step, false));
    insta::assert_snapshot!(course(&at(&all), &config, None), @r"
    **Cutover: all steps are done.**

    - `catch-up`: what has changed since the import comes over while everybody writes on; ✓ since 2025-11-23 12:13:20 UTC
    - `freeze`: nobody writes any more, everybody reads; ✓ since 2025-11-23 12:13:20 UTC
    - `last-sync`: the rest comes over; ✓ since 2025-11-23 12:13:20 UTC
    - `verify`: Tuwunel is compared with the newest bundle; ✓ since 2025-11-23 12:13:20 UTC
    - `switch`: the proxy hands everything to Tuwunel, looked at from outside; ✓ since 2025-11-23 12:13:20 UTC
    - `settings`: Tuwunel's settings for the migration are taken back; ✓ since 2025-11-23 12:13:20 UTC
    - `federation`: rooms that other servers share hear of the new server; ✓ since 2025-11-23 12:13:20 UTC

    Everybody is on Tuwunel. Each step can be looked at again by its name, such as `cutover federation`. `rollback` says how to go back, and what would be lost.
    ");
}

#[test]
fn each_step_is_explained_before_it_is_taken() {
    let config = sample("data".as_ref());
    let mut texts = Vec::new();
    for number in 0..Step::ALL.len() {
        let before: Vec<_> = Step::ALL[..number]
            .iter()
            .map(|step| (*step, false))
            .collect();
        texts.push(next(&at(&before), &config, Some(Proxy::Haproxy)));
    }
    insta::assert_snapshot!(texts.join("\n----\n"), @r#"
    The next step is a `sync`: your users notice nothing. When it is done, `cutover catch-up` does it once more: the shorter it takes, the shorter the break will be.

    Next: `cutover next`.

    ----
    From the next step to the switch your users can read but not write: tell them. Write this into each `frontend` in which clients or other servers come in, before the first `http-request` and `use_backend`, and `systemctl reload haproxy`:

    ```text
        acl ferryman_matrix path_beg /_matrix/ /_synapse/
        acl ferryman_read method GET HEAD OPTIONS
        # What only asks, although it is no GET.
        acl ferryman_asks path_reg ^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))
        http-request return status 503 content-type application/json hdr Retry-After 300 hdr Access-Control-Allow-Origin * string '{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}' if ferryman_matrix !ferryman_read !ferryman_asks
    ```

    Stop bridges and bots that reach Synapse past the proxy: what they write is not stopped by it.

    The step itself only looks whether it works, by writes that no server would carry out.

    Next: `cutover next`.

    ----
    The next step is the last `sync`: it looks first that the doors are still closed.

    Next: `cutover next`.

    ----
    The next step compares Tuwunel with what Synapse had at the last sync; `retry` mends what it finds.

    Next: `cutover next`.

    ----
    Now the switch, which is yours to do:

    1. Stop Synapse, and see to it that it doesn't start by itself: two servers of one name must never be public at the same time. Keep its database.
    2. Change the proxy, and `systemctl reload haproxy`:

       ```text
       # In the backend, instead of the line that has the server 127.0.0.1:8008:
           server tuwunel 127.0.0.1:6167 check
           option forwardfor
           timeout server 600s
       ```
    3. Take the four lines with `ferryman_` out again, and `systemctl reload haproxy`.
    4. Files of your own under `/.well-known/matrix` stay as they are. If Synapse itself has served them (`serve_server_wellknown`, `public_baseurl`), let Tuwunel do it: section `[global.well_known]`, and the proxy hands that path to it, too.
    5. Register the bridges with Tuwunel, and start them. Start the login bridge, or hand out the passwords.

    The step itself only looks from outside: who answers, the keys, a message, a media file.

    Next: `cutover next`.

    ----
    Take back in Tuwunel's configuration what was for the migration only, then restart it:

    - `trusted_servers`: `ferry.test:8449` is not there any more: back to what you trust, such as `["matrix.org"]`
    - `only_query_trusted_key_servers`: away with it: other servers are asked for their keys themselves
    - `allow_invalid_tls_certificates`: away with it, if it was for Ferryman's certificate: anybody could be any server
    - `allow_registration`: `false`, unless you want it, and no `registration_token`: strangers could make accounts
    - `client_request_timeout`: away with it: it was for the joins of big rooms
    - `admin_escape_commands`: away with it: no old messages come in any more that could be obeyed
    - the line in `/etc/hosts`, and the filter that lets Tuwunel speak to nobody else: away with both, or it reaches no other server

    The step itself looks only whether strangers can make accounts: the rest can't be seen from here.

    Next: `cutover next`.

    ----
    The next step sends an event that no client shows into each room that other servers share, and asks one of these servers whether it has arrived: the first event in a room comes with a join that others don't know yet, and may take some seconds.

    Next: `cutover next`.
    "#);
}

#[test]
fn a_step_that_found_something_is_taken_again() {
    let good = [finding(Health::Good)];
    let bad = [finding(Health::Bad)];
    let texts = [
        looked(Step::Switch, &good, false),
        looked(Step::Switch, &bad, false),
        looked(Step::Switch, &bad, true),
    ];
    insta::assert_snapshot!(texts.join("\n----\n"), @r"
    **All is sound.**

    - ✓ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it

    ----
    **1 thing to mend first.**

    - ✗ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it

    Nothing is lost: mend it, and take the step again. Next: `cutover switch`. If you know better, `cutover switch --accept` goes on all the same.

    ----
    **1 thing to mend first.**

    - ✗ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it

    What is wrong is accepted.
    ");
}

#[test]
fn what_is_open_or_closed_comes_with_the_remedy() {
    let config = sample("data".as_ref());
    let bad = [finding(Health::Bad)];
    let texts = [
        frozen(&bad, &config, Some(Proxy::Caddy)),
        unfrozen(&bad, &config, Some(Proxy::Caddy)),
        frozen(&[finding(Health::Good)], &config, None),
    ];
    insta::assert_snapshot!(texts.join("\n----\n"), @r#"
    **1 thing to mend first.**

    - ✗ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it

    Write this at the beginning of each site block in which clients or other servers come in, and `caddy reload --config /etc/caddy/Caddyfile`:

    ```text
    @ferryman {
        method POST PUT DELETE PATCH
        path /_matrix/* /_synapse/*
        # What only asks, although it is no GET, goes through.
        not path_regexp ^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))
    }
    handle @ferryman {
        header Content-Type application/json
        header Retry-After 300
        header Access-Control-Allow-Origin *
        respond `{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}` 503
    }
    ```

    Stop bridges and bots that reach Synapse past the proxy: what they write is not stopped by it.

    Next: `freeze` to look again.

    ----
    **1 thing to mend first.**

    - ✗ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it

    Take `@ferryman` and `handle @ferryman { … }` out again, and `caddy reload --config /etc/caddy/Caddyfile`.

    Next: `unfreeze` to look again.

    ----
    **All is sound.**

    - ✓ clients: Synapse answers at https://matrix.ferry.test: change the proxy, and reload it
    "#);
}

#[test]
fn the_way_back_is_told_from_each_place() {
    let config = sample("data".as_ref());
    let from = |place, door: &Door, since, forgotten| {
        let it = Back {
            place,
            url: "https://matrix.ferry.test".to_owned(),
            doors: doors(door),
            forgotten,
            since,
        };
        back(&it, &config, Some(Proxy::Nginx))
    };
    let since = Since {
        since_ts: 1_763_900_000_000,
        events: 37,
        rooms: 5,
        unread: 1,
    };
    let unclear = Door::Unclear("502 Bad Gateway".to_owned());
    let texts = [
        from(Where::Synapse, &Door::Open, None, true),
        from(Where::Frozen, &Door::Closed, None, false),
        from(Where::Tuwunel, &Door::Open, Some(since), false),
        from(Where::Unclear, &unclear, None, false),
    ];
    insta::assert_snapshot!(texts.join("\n----\n"), @r"
    **There is nothing to go back from: Synapse serves everybody at `https://matrix.ferry.test`.**

    Stop Tuwunel if you like; nothing of Synapse has changed. What is on Tuwunel can stay for another try, or be thrown away with its database.

    The steps of the cutover that were done are forgotten: the next one begins with `cutover catch-up`.

    ----
    **Synapse serves everybody at `https://matrix.ferry.test`, but nobody can write. Nothing is lost by going back.**

    Take the lines `include snippets/ferryman-freeze.conf;` out again, and `nginx -t && nginx -s reload`.

    Next: `rollback` to look whether it worked, and to forget what the cutover has done.

    ----
    **Tuwunel serves everybody at `https://matrix.ferry.test`. To go back:**

    1. Stop Tuwunel's bridges, and Tuwunel.
    2. Start Synapse, with the database that it had, and its bridges.
    3. Let the proxy hand everything to `http://127.0.0.1:8008` again instead of `http://127.0.0.1:6167`, and `nginx -t && nginx -s reload`.
    4. Take the lines `include snippets/ferryman-freeze.conf;` out again, and `nginx -t && nginx -s reload`.

    What would be lost: 37 events in 5 rooms since 2025-11-23 12:13:20 UTC (1 room could not be looked at), and every room, account, password, picture and key that was made on Tuwunel since. Synapse's people log in with the passwords that they had there; clients that have stayed logged in there go on. Other servers keep what they have had from Tuwunel, and may give it back to Synapse: so decide soon.

    Then look again in the shell, with `ferryman rollback`.

    ----
    **Nobody can tell who serves at `https://matrix.ferry.test`.** What is written there: messages are answered otherwise (502 Bad Gateway), logins are answered otherwise (502 Bad Gateway), other servers are answered otherwise (502 Bad Gateway).

    Look whether Synapse runs at `http://127.0.0.1:8008`, and where the proxy hands `/_matrix` to. Let the proxy hand everything to `http://127.0.0.1:8008` again instead of `http://127.0.0.1:6167`, and `nginx -t && nginx -s reload`.

    Next: `rollback` to look again.
    ");
}
