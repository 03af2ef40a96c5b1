//! An old server, another one that shares rooms with it, and a target with another name that reaches both.

use ferryman::{
    config::Proxy,
    demo::{
        installation::{Between, Installation},
        stage::hand_over,
    },
    lab::{
        client::{Client, v3},
        fill::password,
        names::Names,
        proxy::{InFront, Lines},
        synapse::{Gate, Synapse, SynapseOptions},
        target::{OPERATOR, OPERATOR_PASSWORD, Target, TargetKind},
        tuwunel::{Tuwunel, TuwunelOptions},
    },
};
use ruma::OwnedServerName;
use serde_json::{Value, json};

use crate::targets;

/// Everything that runs.
pub(super) struct Towns {
    pub(super) source: Synapse,
    pub(super) other: Synapse,
    pub(super) installation: Installation,
    pub(super) new: OwnedServerName,
    pub(super) anna: Client,
    pub(super) bert: Client,
    pub(super) cora: Client,
    pub(super) dora: Client,
    /// Of the other server.
    pub(super) rita: Client,
    _target: Target,
    _way_in: Option<(InFront, Gate)>,
}

async fn federating(names: &Names) -> Synapse {
    let options = SynapseOptions {
        federates: true,
        ..SynapseOptions::source(names.server_name.clone())
    };
    Synapse::start(options).await.unwrap()
}

impl Towns {
    pub(super) async fn new(kind: targets::Target) -> Self {
        let [old, other, new] = [0; 3].map(|_| Names::fresh().unwrap());
        let (source, other) = tokio::join!(federating(&old), federating(&other));
        let anna = source
            .register("anna", &password("anna"), true)
            .await
            .unwrap();
        let mut people = Vec::new();
        for name in ["bert", "cora", "dora"] {
            people.push(
                source
                    .create_user(&anna, name, &password(name))
                    .await
                    .unwrap(),
            );
        }
        let [bert, cora, dora] = people.try_into().unwrap();
        let rita = other
            .register("rita", &password("rita"), true)
            .await
            .unwrap();
        let between = Between {
            names: &new,
            source: source.url(),
            admin_token: anna.token().unwrap().clone(),
        };
        let mut installation = Installation::make(&between).unwrap();
        let (target, way_in) = match kind {
            targets::Target::StandIn => (stand_in(&new, &installation).await, None),
            targets::Target::Tuwunel => {
                let (target, proxy, gate) = tuwunel(&new).await;
                (target, Some((proxy, gate)))
            }
        };
        installation.enter(target.url()).unwrap();
        installation.come_from(&old.server_name).unwrap();
        hand_over(&target, &installation).await.unwrap();
        Self {
            source,
            other,
            installation,
            new: new.server_name,
            anna,
            bert,
            cora,
            dora,
            rita,
            _target: target,
            _way_in: way_in,
        }
    }

    /// Somebody's new ID.
    pub(super) fn new_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.new)
    }

    pub(super) fn old_name(&self) -> &OwnedServerName {
        self.source.server_name()
    }

    /// A room of Anna's, and Bert in it.
    pub(super) async fn room(&self, name: &str, options: Value) -> String {
        let mut body = json!({ "name": name, "room_version": "10", "preset": "private_chat" });
        body.as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        let room = self.anna.create_room(&body).await.unwrap();
        self.anna.invite(&room, self.bert.user_id()).await.unwrap();
        self.bert.join(&room, None).await.unwrap();
        room
    }

    pub(super) async fn rule(&self, room: &str, rule: Value) {
        let kind = "m.room.join_rules";
        self.anna.set_state(room, kind, "", &rule).await.unwrap();
    }

    /// Whom of the target somebody sees in a room, by a request of their own.
    pub(super) async fn as_new(&self, localpart: &str, path: &str) -> ferryman::lab::Result<Value> {
        use ferryman::{http::encode, secret::ExposeSecret};
        let token = self.installation.tokens.puppets_as.expose_secret();
        let puppets = Client::anonymous(&self.installation.config.target.url).with_token("", token);
        puppets
            .get(&format!(
                "{path}?user_id={}",
                encode(&self.new_id(localpart))
            ))
            .await
    }

    pub(super) async fn joined(&self, localpart: &str) -> Vec<String> {
        let answer = self
            .as_new(localpart, &v3(&["joined_rooms"]))
            .await
            .unwrap();
        serde_json::from_value(answer["joined_rooms"].clone()).unwrap()
    }
}

async fn stand_in(names: &Names, installation: &Installation) -> Target {
    let options = SynapseOptions {
        registrations: installation.registrations(),
        federates: true,
        ..SynapseOptions::source(names.server_name.clone())
    };
    let synapse = Synapse::start(options).await.unwrap();
    let operator = synapse
        .register(OPERATOR, OPERATOR_PASSWORD, true)
        .await
        .unwrap();
    Target {
        kind: TargetKind::StandIn(Box::new(synapse)),
        operator,
    }
}

/// Other servers speak TLS, and find it at the port of its name.
async fn tuwunel(names: &Names) -> (Target, InFront, Gate) {
    let options = TuwunelOptions {
        server_name: names.server_name.clone(),
        registrations: Vec::new(),
        trusted_server: None,
    };
    let tuwunel = Tuwunel::start(options).await.unwrap();
    let operator = tuwunel.register(OPERATOR, OPERATOR_PASSWORD).await.unwrap();
    let lines = Lines::all_to(Proxy::Nginx, tuwunel.url());
    let proxy = InFront::start(Proxy::Nginx, &lines).await.unwrap();
    let port = names.server_name.port().unwrap();
    let gate = Gate::new(port, proxy.servers_port()).await.unwrap();
    let target = Target {
        kind: TargetKind::Tuwunel(Box::new(tuwunel)),
        operator,
    };
    (target, proxy, gate)
}
