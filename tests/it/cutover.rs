//! The last steps, played through: a real nginx before both servers, another real server that shares rooms with them, and
//! people who stay logged in on the old one, log in on the new one and go on talking in the same rooms.

mod people;
mod proxies;

use std::{collections::BTreeMap, fs, io::Write, time::Duration};

use ferryman::{
    clock::SystemClock,
    command::{
        Command,
        cutover::{Cutover, Rollback, Which},
        export::{Export, Source},
        freeze::{Freeze, InFront},
        import::Import,
    },
    config::Proxy,
    demo::{
        installation::{Between, Installation},
        stage::{RunningBot, install, start_bot},
    },
    engine::Engine,
    job::Job,
    lab::{
        fill::{PIXEL, federated, password},
        names::Names,
        proxy::{InFront as RealProxy, Lines, program},
        synapse::{Synapse, SynapseOptions},
        target::Target,
    },
    model::cutover::Step,
    operation::{Answer, Operation, Runner, Surface},
    report::proxy,
};
use serde_json::{Value, json};

use crate::targets::tuwunel_or_skip;
use people::{Talk, eventually};

/// Everything between the old server and the new one.
struct Scene {
    source: Synapse,
    other: Synapse,
    nginx: RealProxy,
    target: Target,
    installation: Installation,
    engine: Engine,
}

impl Scene {
    async fn set(
        names: &Names,
        source: Synapse,
        other: Synapse,
        nginx: RealProxy,
        admin: Value,
    ) -> Self {
        let between = Between {
            names,
            source: source.url(),
            admin_token: admin.as_str().unwrap().to_owned().into(),
        };
        let (installation, target) = install(&between, names, true).await.unwrap();
        let mut config = installation.config.clone();
        config.synapse.homeserver_yaml = Some(source.config_path());
        config.public.client_url = Some(nginx.url().to_owned());
        config.public.federation_url = Some(nginx.url().to_owned());
        config.public.proxy = Some(Proxy::Nginx);
        let engine = Engine::new(
            config.into(),
            installation.tokens.clone().into(),
            std::sync::Arc::new(SystemClock),
        );
        Self {
            source,
            other,
            nginx,
            target,
            installation,
            engine,
        }
    }

    #[expect(clippy::print_stdout, reason = "a failed test shows what was said")]
    async fn ordered(&self, command: Command) -> Answer {
        let operation = Operation::new(self.engine.clone(), Surface::Room);
        let answer = Box::pin(operation.run(command, Job::new().0))
            .await
            .unwrap();
        println!("{}", answer.markdown);
        answer
    }

    async fn refused(&self, command: Command) -> String {
        let operation = Operation::new(self.engine.clone(), Surface::Room);
        let answer = Box::pin(operation.run(command, Job::new().0)).await;
        answer.unwrap_err().to_string()
    }

    /// `cutover …`
    async fn step(&self, which: Which) -> Answer {
        self.ordered(cutover(Some(which))).await
    }

    async fn next(&self) {
        let answer = self.step(Which::Next).await;
        assert!(answer.good, "{}", answer.markdown);
    }

    async fn rollback(&self) -> String {
        self.ordered(Command::Rollback(Rollback::default()))
            .await
            .markdown
    }

    fn to_synapse(&self) -> Lines {
        Lines::all_to(Proxy::Nginx, self.source.url())
    }

    fn frozen(&self) -> Lines {
        self.to_synapse().behind(proxy::freeze_lines(Proxy::Nginx))
    }

    fn to_tuwunel(&self) -> Lines {
        let (old, new) = (self.source.url(), self.target.url());
        Lines {
            back: proxy::switch_lines(Proxy::Nginx, old, new),
            ..Lines::default()
        }
    }

    /// As an operator does it: what was for the migration only is taken back.
    async fn lift_settings(&mut self) {
        let server = self.target.server();
        let path = server.folder().join("tuwunel.toml");
        let text = fs::read_to_string(&path).unwrap();
        let lifted = text.replace("allow_registration = true", "allow_registration = false");
        assert_ne!(text, lifted);
        let lifted: Vec<_> = lifted
            .lines()
            .filter(|line| {
                ![
                    "registration_token",
                    "trusted_servers",
                    "only_query_trusted",
                    "client_request_timeout",
                ]
                .iter()
                .any(|name| line.starts_with(name))
            })
            .collect();
        fs::write(&path, lifted.join("\n")).unwrap();
        server.stop().await.unwrap();
        server.start().await.unwrap();
    }
}

fn cutover(which: Option<Which>) -> Command {
    Command::Cutover(Cutover {
        which,
        ..Cutover::default()
    })
}

/// A Synapse that other servers reach.
async fn synapse(names: &Names) -> Synapse {
    let options = SynapseOptions {
        federates: true,
        ..SynapseOptions::source(names.server_name.clone())
    };
    Synapse::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_cutover_and_a_whole_rollback_behind_a_proxy() {
    if !tuwunel_or_skip("the cutover") {
        return;
    }
    if program(Proxy::Nginx).is_none() {
        let _closed = writeln!(
            std::io::stderr(),
            "SKIPPED: the cutover: this machine has no nginx"
        );
        return;
    }
    let (names, other_names) = (Names::fresh().unwrap(), Names::fresh().unwrap());
    let (source, other) = tokio::join!(synapse(&names), synapse(&other_names));
    let town = Box::pin(federated::fill(&source, &other)).await.unwrap();
    let open = Lines::all_to(Proxy::Nginx, source.url());
    let nginx = RealProxy::start(Proxy::Nginx, &open).await.unwrap();
    source.gate().unwrap().lead(nginx.servers_port());
    let picture = town
        .who("anna")
        .upload(Some("dot.png"), "image/png", PIXEL)
        .await;
    picture.unwrap();
    for (server, admin, user) in [(&source, "anna", "ada"), (&other, "rita", "otto")] {
        let made = server
            .create_user(town.who(admin), user, &password(user))
            .await;
        made.unwrap();
    }
    let talk = Box::pin(Talk::begin(nginx.url(), other.url(), &other_names)).await;
    let token = json!(
        town.who("anna")
            .token()
            .map(ferryman::secret::ExposeSecret::expose_secret)
    );
    let mut scene = Scene::set(&names, source, other, nginx, token).await;

    let error = scene.refused(cutover(None)).await;
    assert!(error.contains("run `import` first"), "{error}");
    let export = Export {
        source: Some(Source::Db),
        media: ferryman::model::wanted::Media::All,
        ..Export::default()
    };
    assert!(scene.ordered(Command::Export(export)).await.good);
    assert!(scene.ordered(Command::Import(Import::default())).await.good);
    let bot = start_bot(scene.engine.clone());

    to_the_switch(&mut scene, &talk).await;
    let _stopped = scene.source.server.stop().await;
    switch(&mut scene).await;
    people_go_on(&scene, &town, &talk).await;
    back_again(&mut scene, &talk).await;
    RunningBot::stop(bot).await.unwrap();
}

async fn to_the_switch(scene: &mut Scene, talk: &Talk) {
    let first = scene.ordered(cutover(None)).await.markdown;
    assert!(first.contains("0 of 7 steps are done"), "{first}");
    let early = scene.refused(cutover(Some(Which::One(Step::Switch)))).await;
    assert!(early.contains("comes after `cutover catch-up`"), "{early}");
    scene.next().await;
    talk.say_on_old("While it caught up").await;

    // Nobody has changed the proxy yet.
    let open = scene.step(Which::Next).await;
    assert!(
        !open.good && open.markdown.contains("is still taken"),
        "{}",
        open.markdown
    );
    assert!(scene.rollback().await.contains("nothing to go back from"));
    // Whoever knows better goes on, and comes back to it.
    let accepted = Cutover {
        which: Some(Which::One(Step::Freeze)),
        accept: true,
        ..Cutover::default()
    };
    assert!(scene.ordered(Command::Cutover(accepted)).await.good);
    scene.next().await;
    let frozen = scene.frozen();
    scene.nginx.reload(&frozen).await.unwrap();
    assert!(scene.step(Which::One(Step::Freeze)).await.good);
    let frozen = Command::Freeze(Freeze {
        in_front: InFront::default(),
    });
    assert!(scene.ordered(frozen).await.good);
    talk.old_is_read_only().await;
    assert!(scene.rollback().await.contains("nobody can write"));
    scene.next().await;
    // Somebody opens the doors again: what is written now would be lost.
    let open = scene.to_synapse();
    scene.nginx.reload(&open).await.unwrap();
    let opened = scene.refused(cutover(Some(Which::Next))).await;
    assert!(opened.contains("takes what is written again"), "{opened}");
    let frozen = scene.frozen();
    scene.nginx.reload(&frozen).await.unwrap();
    scene.next().await;
}

async fn switch(scene: &mut Scene) {
    let not_yet = scene.step(Which::Next).await;
    assert!(!not_yet.good, "{}", not_yet.markdown);
    let lines = scene.to_tuwunel();
    scene.nginx.reload(&lines).await.unwrap();
    let switched = scene.step(Which::Next).await;
    assert!(switched.good, "{}", switched.markdown);
    for seen in [
        "arrives on Tuwunel",
        "comes whole",
        "under `old_verify_keys`",
        "it is stopped",
    ] {
        assert!(switched.markdown.contains(seen), "{}", switched.markdown);
    }
    let open = scene.step(Which::Next).await;
    assert!(
        !open.good && open.markdown.contains("accounts can still be made"),
        "{}",
        open.markdown
    );
    scene.lift_settings().await;
    scene.next().await;
    let heard = scene.step(Which::Next).await;
    assert!(heard.good, "{}", heard.markdown);
    assert!(
        !heard.markdown.contains("do not answer"),
        "{}",
        heard.markdown
    );
    said_once(scene).await;
    let done = scene.ordered(cutover(None)).await.markdown;
    assert!(done.contains("all steps are done"), "{done}");
}

/// Killed after a hello and before that was noted, the step doesn't say it twice.
async fn said_once(scene: &Scene) {
    let path = scene.engine.config.data_dir.join("cutover.json");
    let noted = || -> Value { serde_json::from_slice(&fs::read(&path).unwrap()).unwrap() };
    let before = noted();
    let mut cut_off = before.clone();
    let hellos = cut_off["hellos"].as_object_mut().unwrap();
    let events: std::collections::BTreeSet<_> = hellos.values().map(Value::to_string).collect();
    assert_eq!(events.len(), hellos.len(), "one in each room");
    let room = hellos.keys().next().unwrap().clone();
    hellos.remove(&room);
    fs::write(&path, cut_off.to_string()).unwrap();
    assert!(scene.step(Which::One(Step::Federation)).await.good);
    assert_eq!(noted()["hellos"], before["hellos"]);
}

async fn people_go_on(scene: &Scene, town: &federated::Neighbours, talk: &Talk) {
    let passwords = passwords(scene);
    let anonymous = ferryman::lab::client::Client::anonymous(scene.nginx.url());
    let anna = anonymous.login("anna", &passwords["anna"]).await.unwrap();
    let rita = town.who("rita");
    let ours = anna.joined_rooms().await.unwrap();
    let theirs = rita.joined_rooms().await.unwrap();
    let shared: Vec<_> = ours.iter().filter(|room| theirs.contains(room)).collect();
    assert!(shared.len() > 8, "{shared:?}");
    for room in shared {
        let by_rita = rita.say(room, "Have you moved?").await.unwrap();
        eventually("what Rita says arrives", || anna.event(room, &by_rita)).await;
        let by_anna = anna.say(room, "We have").await.unwrap();
        eventually("what Anna says arrives", || rita.event(room, &by_anna)).await;
    }
    // Invites and joins, both ways.
    for (host, guest, server) in [
        (&anna, rita, scene.source.server_name()),
        (rita, &anna, scene.other.server_name()),
    ] {
        let options = json!({ "preset": "private_chat", "name": "After the move" });
        let room = host.create_room(&options).await.unwrap();
        host.invite(&room, guest.user_id()).await.unwrap();
        eventually("an invite arrives", || async {
            guest.join(&room, Some(server.as_str())).await
        })
        .await;
        let said = guest.say(&room, "Thanks").await.unwrap();
        eventually("what the guest says arrives", || host.event(&room, &said)).await;
    }
    Box::pin(talk.goes_on(scene.nginx.url(), &passwords)).await;
}

/// New passwords by localpart.
fn passwords(scene: &Scene) -> BTreeMap<String, String> {
    let dir = scene.installation.config.data_dir.join("passwords");
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    files.sort();
    let text = fs::read_to_string(files.last().unwrap()).unwrap();
    let line = |line: &str| {
        let (user, password) = line.split_once(',')?;
        let localpart = user.strip_prefix('@')?.split_once(':')?.0;
        Some((localpart.to_owned(), password.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// What `rollback` says is done, and the old server serves its people as before.
async fn back_again(scene: &mut Scene, talk: &Talk) {
    let told = scene.rollback().await;
    assert!(
        told.contains("Tuwunel serves everybody") && !told.contains(" 0 events"),
        "{told}"
    );
    let late = scene
        .refused(cutover(Some(Which::One(Step::LastSync))))
        .await;
    assert!(late.contains("comes too late"), "{late}");
    scene.source.server.start().await.unwrap();
    let lines = scene.to_synapse();
    scene.nginx.reload(&lines).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let told = scene.rollback().await;
    assert!(told.contains("are forgotten"), "{told}");
    talk.say_on_old("We are back").await;
}
