//! Each step's failure, in the words that the operator reads.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::*;
use crate::config::sample;

/// A target that passes all steps, but for the answers that are given first.
async fn outcome(different: &[(&str, &str, u16, Value)]) -> Result<Found> {
    let server = MockServer::start().await;
    let usual = [
        (
            "GET",
            "/_matrix/client/versions",
            200,
            json!({"versions": ["v1.11"]}),
        ),
        (
            "POST",
            "/_matrix/client/v3/register",
            400,
            json!({"errcode": "M_USER_IN_USE"}),
        ),
        (
            "GET",
            "/_matrix/client/v3/account/whoami",
            200,
            json!({"user_id": "@ferryman:ferry.test"}),
        ),
        (
            "GET",
            "/_matrix/federation/v1/version",
            200,
            json!({"server": {"name": "Tuwunel", "version": "1.9.0"}}),
        ),
        (
            "POST",
            "/_matrix/client/v1/appservice/ferryman/ping",
            200,
            json!({"duration_ms": 3}),
        ),
        (
            "GET",
            "/_matrix/client/v3/directory/room/%23admins%3Aferry.test",
            200,
            json!({"room_id": "!a:ferry.test"}),
        ),
        (
            "GET",
            "/_matrix/client/v3/joined_rooms",
            200,
            json!({"joined_rooms": ["!a:ferry.test"]}),
        ),
        (
            "POST",
            "/_matrix/client/v3/join/%21a%3Aferry.test",
            403,
            json!({"errcode": "M_FORBIDDEN", "error": "no"}),
        ),
    ];
    for (verb, at, status, body) in different.iter().chain(&usual) {
        Mock::given(method(*verb))
            .and(path(*at))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body))
            .mount(&server)
            .await;
    }
    let config = sample(Path::new("data"));
    let client = Client::new(&server.uri(), "AS".into(), &config.bot_id(), Duration::ZERO)?;
    run(&client, &config, 1).await
}

async fn failure(verb: &str, at: &str, status: u16, body: Value) -> String {
    let error = outcome(&[(verb, at, status, body)]).await.unwrap_err();
    format!("{} {error}", error.exit_code())
}

#[tokio::test]
async fn all_is_sound() {
    let found = outcome(&[]).await.unwrap();
    assert_eq!(found.software, "Tuwunel 1.9.0");
    assert!(found.warnings.is_empty());
}

#[tokio::test]
async fn another_server_software_is_warned_of() {
    let synapse = json!({"server": {"name": "Synapse", "version": "1.163.2"}});
    let found = outcome(&[("GET", "/_matrix/federation/v1/version", 200, synapse)])
        .await
        .unwrap();
    insta::assert_snapshot!(found.warnings.join("\n"), @"the target is Synapse 1.163.2, not Tuwunel: it takes accounts and joins, but no history");
}

#[tokio::test]
async fn every_failure_has_its_sentence() {
    let whoami = "/_matrix/client/v3/account/whoami";
    let ping = "/_matrix/client/v1/appservice/ferryman/ping";
    let error = |errcode: &str| json!({"errcode": errcode, "error": "words"});
    let lines = [
        failure("GET", "/_matrix/client/versions", 200, json!({"hello": 1})).await,
        failure(
            "POST",
            "/_matrix/client/v3/register",
            401,
            error("M_UNKNOWN_TOKEN"),
        )
        .await,
        failure(
            "POST",
            "/_matrix/client/v3/register",
            400,
            error("M_EXCLUSIVE"),
        )
        .await,
        failure(
            "GET",
            "/_matrix/client/versions",
            404,
            error("M_UNRECOGNIZED"),
        )
        .await,
        failure(
            "POST",
            ping,
            500,
            json!({"errcode": "M_UNKNOWN", "error": "returned 403 Forbidden"}),
        )
        .await,
        failure("GET", whoami, 200, json!({"user_id": "@bot:ferry.test"})).await,
        failure("POST", ping, 400, error("M_URL_NOT_SET")).await,
        failure("POST", ping, 403, error("M_FORBIDDEN")).await,
        failure("POST", ping, 502, error("M_BAD_STATUS")).await,
        failure("POST", ping, 502, error("M_CONNECTION_FAILED")).await,
        failure(
            "GET",
            "/_matrix/client/v3/directory/room/%23admins%3Aferry.test",
            404,
            error("M_NOT_FOUND"),
        )
        .await,
        failure(
            "GET",
            "/_matrix/client/v3/joined_rooms",
            200,
            json!({"joined_rooms": []}),
        )
        .await,
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    1 the target gave an answer to /_matrix/client/versions that can't be read (no versions): is this address really the target?
    5 the target refuses the token (M_UNKNOWN_TOKEN): hand it the file `ferryman.yaml` (`ferryman registration` says how), with the tokens that are in it
    7 the registered bot is not @ferryman:ferry.test (M_EXCLUSIVE): check server_name and bot.localpart, then register again what `ferryman registration --force` writes
    1 the target gave an answer to GET /_matrix/client/versions that can't be read (status 404): is this address really the target?
    7 the target reaches http://127.0.0.1:29330, but is not let in: it has another hs_token, so register ferryman.yaml again, or something else listens there
    7 the target takes the bot for @bot:ferry.test, not @ferryman:ferry.test: check server_name and bot.localpart, then register again what `ferryman registration --force` writes
    7 the bot is registered without a url: register ferryman.yaml, which has http://127.0.0.1:29330
    7 the bot's token belongs to another registration: register ferryman.yaml under its own id
    7 the target reaches http://127.0.0.1:29330, but is not let in: it has another hs_token, so register ferryman.yaml again, or something else listens there
    7 the target does not reach the bot (M_CONNECTION_FAILED words): the registered url must be bot.url (http://127.0.0.1:29330), and lead to bot.listen (127.0.0.1:29330)
    7 the target has no admin room #admins:ferry.test: check server_name; if that is right, create the room or set its alias again
    7 @ferryman:ferry.test is no admin of the target: send `!admin users make-user-admin @ferryman:ferry.test` in #admins:ferry.test, then start again
    ");
}
