//! A bridge whose names nobody else may have: its users come over, Ferryman's wide namespace doesn't stand in its way, and
//! on the target it goes on as itself.

use std::{fs, sync::Arc};

use ferryman::{
    bundle::SourceKind,
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    engine::{Engine, ExportOptions},
    lab::{
        LabError,
        admin_room::AdminRoom,
        client::Client,
        fill::password,
        names::Names,
        registration::{Namespace, Registration},
        synapse::{Synapse, SynapseOptions},
        target::{Target, TargetKind},
    },
    migration::people::Service,
    report::page::page,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    journey::{assert_good, job},
    targets::tuwunel_or_skip,
};

const TOKEN: &str = "telegram-as-token";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_keeps_its_users() {
    if !tuwunel_or_skip("bridges") {
        return;
    }
    let names = Names::fresh().unwrap();
    let server = names.server_name.as_str();
    let bridge = registration(server);
    let source = Synapse::start(SynapseOptions {
        registrations: vec![bridge.clone()],
        ..SynapseOptions::source(names.server_name.clone())
    })
    .await
    .unwrap();
    let anna = source
        .register("anna", &password("anna"), true)
        .await
        .unwrap();
    let room = anna
        .create_room(&json!({ "preset": "public_chat", "name": "Bridged" }))
        .await
        .unwrap();
    let puppet = Puppet::new(source.anonymous(), server, "telegram_17");
    puppet.register().await.unwrap();
    puppet.join(&room).await.unwrap();
    puppet.say(&room, "from the other side").await.unwrap();
    let alias = format!("#telegram_harbour:{server}");
    puppet
        .ask(
            Method::PUT,
            &format!("directory/room/{}", encode(&alias)),
            json!({ "room_id": room }),
        )
        .await
        .unwrap();

    let between = Between {
        names: &names,
        source: source.url(),
        admin_token: anna.token().unwrap().clone(),
    };
    let (installation, target) = install(&between, &names, true).await.unwrap();
    hand_over(&target, server, &bridge).await;
    let engine = engine(&installation, &source);
    let options = ExportOptions {
        source: Some(SourceKind::Database),
        ..ExportOptions::default()
    };
    engine
        .export(&job(), &options, Box::new(page))
        .await
        .unwrap();
    let plan = engine.plan(None, None).await.unwrap();
    let service = Service {
        users: 1,
        prefix: "telegram_".to_owned(),
        rooms: 1,
        aliases: 1,
    };
    assert_eq!(
        plan.people.services,
        [("telegram".to_owned(), service)].into()
    );
    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_good(&engine.verify(&job(), None).await.unwrap());

    let passwords = fs::read_to_string(imported.passwords.unwrap()).unwrap();
    assert!(passwords.contains("@anna:") && !passwords.contains("telegram"));
    let puppet = Puppet::new(target.anonymous(), server, "telegram_17");
    let said = puppet.say(&room, "and on it goes").await.unwrap();
    let heard = target.operator.join(&room, None).await;
    heard.unwrap();
    let messages = target.operator.messages(&room).await.unwrap();
    assert!(messages.iter().any(|event| event["event_id"] == said));
    assert_eq!(target.operator.resolve(&alias).await.unwrap(), room);
    let next = Puppet::new(target.anonymous(), server, "telegram_18");
    next.register().await.unwrap();
    next.join(&room).await.unwrap();
}

fn registration(server: &str) -> Registration {
    Registration {
        id: "telegram".to_owned(),
        url: None,
        as_token: TOKEN.to_owned(),
        hs_token: "telegram-hs-token".to_owned(),
        sender_localpart: "telegrambot".to_owned(),
        users: vec![Namespace::exclusive(format!("@telegram_.*:{server}"))],
        aliases: vec![Namespace::exclusive(format!("#telegram_.*:{server}"))],
    }
}

/// What the plan tells the operator to do.
async fn hand_over(target: &Target, server: &str, bridge: &Registration) {
    let TargetKind::Tuwunel(_) = &target.kind else {
        panic!("not a Tuwunel");
    };
    let admin = AdminRoom::find(&target.operator, server).await.unwrap();
    let command = format!(
        "!admin appservices register\n```yaml\n{}\n```",
        bridge.yaml()
    );
    let reply = admin.command(&command).await.unwrap();
    assert!(reply.contains("registered"), "{reply}");
}

fn engine(installation: &Installation, source: &Synapse) -> Engine {
    let mut config = installation.config.clone();
    config.synapse.homeserver_yaml = Some(source.config_path());
    Engine::new(
        Arc::new(config),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    )
}

/// One of the bridge's users, as the bridge acts for it.
struct Puppet {
    client: Client,
    localpart: String,
}

impl Puppet {
    fn new(server: &Client, name: &str, localpart: &str) -> Self {
        Self {
            client: server.with_token(&format!("@{localpart}:{name}"), TOKEN),
            localpart: localpart.to_owned(),
        }
    }

    async fn register(&self) -> Result<(), LabError> {
        let body = json!({
            "type": "m.login.application_service", "username": self.localpart, "inhibit_login": true,
        });
        self.client
            .post("/_matrix/client/v3/register", &body)
            .await?;
        Ok(())
    }

    async fn join(&self, room: &str) -> Result<(), LabError> {
        let path = format!("join/{}", encode(room));
        self.ask(Method::POST, &path, json!({})).await?;
        Ok(())
    }

    async fn say(&self, room: &str, text: &str) -> Result<String, LabError> {
        let path = format!("rooms/{}/send/m.room.message/{}", encode(room), text.len());
        let body = json!({ "msgtype": "m.text", "body": text });
        let sent = self.ask(Method::PUT, &path, body).await?;
        Ok(sent["event_id"].as_str().unwrap().to_owned())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: serde_json::Value,
    ) -> Result<serde_json::Value, LabError> {
        let user = encode(self.client.user_id());
        let path = format!("/_matrix/client/v3/{path}?user_id={user}");
        self.client.request(method, &path, Some(&body)).await
    }
}

fn encode(text: &str) -> String {
    ferryman::http::encode(text)
}
