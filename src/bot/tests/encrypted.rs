//! An encrypted room, with a device that only pretends.

use std::sync::atomic::AtomicBool;

use futures::{FutureExt, future::BoxFuture};

use super::*;
use crate::{bot::encryption::Heard, kept::ControlRoom, report::encrypted::Unread};

const ANNA: &str = "@anna:ferry.test";

/// Encrypts by writing down, and decrypts what says itself what it is.
#[derive(Default)]
pub(super) struct Pretended {
    /// No device is to be had.
    refused: AtomicBool,
    /// The keys that have come.
    keys: Mutex<Vec<String>>,
    sent: Mutex<Vec<Value>>,
}

impl Pretended {
    pub(super) fn opened(self: &Arc<Self>) -> BoxFuture<'static, Result<Arc<dyn Cipher>>> {
        let refused = self.refused.load(Ordering::Relaxed);
        let device = Arc::clone(self) as Arc<dyn Cipher>;
        std::future::ready(if refused {
            Err(Error::Target("the target gives the bot no device".into()))
        } else {
            Ok(device)
        })
        .boxed()
    }
}

impl Cipher for Pretended {
    fn device(&self) -> &'static str {
        "FERRYMANBOTABC"
    }

    fn read<'a>(&'a self, _room: &'a str, event: &'a Value) -> BoxFuture<'a, Result<Heard>> {
        let content = &event["content"];
        let key = content["session_id"].as_str().unwrap();
        let heard = if key == "foreign" {
            Heard::Never(Unread::Foreign)
        } else if self.keys.lock().unwrap().iter().any(|it| it == key) {
            let mut event = event.clone();
            event["type"] = json!("m.room.message");
            event["content"] = content["inner"].clone();
            let place = format!("{key} {}", content["place"]);
            Heard::Read { event, place }
        } else {
            Heard::NotYet(Unread::NoKey)
        };
        std::future::ready(Ok(heard)).boxed()
    }

    fn send<'a>(
        &'a self,
        room: &'a str,
        txn: &'a str,
        content: &'a Value,
    ) -> BoxFuture<'a, Result<String>> {
        assert_eq!(room, ROOM);
        self.sent.lock().unwrap().push(content.clone());
        std::future::ready(Ok(format!("${txn}"))).boxed()
    }

    fn upload<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Value>> {
        std::future::ready(Ok(json!({"url": "mxc://x/y", "size": bytes.len()}))).boxed()
    }
}

/// An encrypted message.
fn sealed(key: &str, body: &str) -> Value {
    // No two are the same.
    static COUNT: AtomicU64 = AtomicU64::new(10_000_000);
    let place = COUNT.fetch_add(1, Ordering::Relaxed);
    json!({"type": "m.room.encrypted", "content": {
        "algorithm": "m.megolm.v1.aes-sha2", "session_id": key, "place": place,
        "inner": {"msgtype": "m.text", "body": body},
    }})
}

async fn encrypted_stage(dir: &Path) -> Stage {
    let pretended = Arc::<Pretended>::default();
    pretended.keys.lock().unwrap().push("known".to_owned());
    let room = ControlRoom {
        room_id: ROOM.to_owned(),
        encrypted: [ROOM.to_owned()].into(),
    };
    room.save(dir).unwrap();
    stage_with(dir, NOW, pretended, |_| Pretend::default()).await
}

impl Stage {
    /// What was said through the device, once so much was.
    async fn sealed(&self, at_least: usize) -> Vec<Value> {
        for _ in 0..300 {
            let sent = self.pretended.sent.lock().unwrap().clone();
            if sent.len() >= at_least {
                return sent;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.pretended.sent.lock().unwrap());
    }

    async fn last_sealed(&self, count: usize) -> String {
        let sent = self.sealed(count).await;
        assert_eq!(sent.len(), count, "{sent:?}");
        sent.last().unwrap()["body"].as_str().unwrap().to_owned()
    }

    async fn is_encrypted(&self) {
        let content = json!({"algorithm": "m.megolm.v1.aes-sha2"});
        Mock::given(path_regex("/state/m.room.encryption/"))
            .respond_with(ResponseTemplate::new(200).set_body_json(content))
            .mount(&self.server)
            .await;
    }

    fn becomes_encrypted(&self, id: &str) {
        let event = json!({"type": "m.room.encryption", "state_key": "", "content": {}});
        self.hears_event(id, ANNA, &event);
    }
}

#[tokio::test]
async fn only_what_was_encrypted_is_obeyed_and_every_answer_is() {
    let dir = tempfile::tempdir().unwrap();
    let stage = encrypted_stage(dir.path()).await;
    let mut lines = Vec::new();
    stage.hears_event("$1", ANNA, &sealed("known", "!ferry status"));
    lines.push(stage.last_sealed(1).await);
    stage.hears("$2", ANNA, "!ferry import");
    lines.push(stage.last_sealed(2).await);
    stage.hears_event("$3", ANNA, &sealed("foreign", "!ferry import"));
    lines.push(stage.last_sealed(3).await);
    // Nobody is told who is nobody's operator, and another room's message is nothing.
    stage.hears_event("$4", "@eva:ferry.test", &sealed("foreign", "!ferry import"));
    let mut elsewhere = sealed("known", "!ferry import");
    elsewhere["event_id"] = json!("$5");
    elsewhere["room_id"] = json!("!other:ferry.test");
    elsewhere["sender"] = json!(ANNA);
    elsewhere["origin_server_ts"] = json!(NOW);
    let event = ("$5".to_owned(), elsewhere.to_string());
    stage.store.accept("other", &[event], NOW).unwrap();
    stage.hears_event("$6", ANNA, &sealed("known", "!ferry import"));
    let preview = stage.last_sealed(4).await;
    let code = stage.sealed(4).await[3]["ferryman.code"].clone();
    let code = code.as_str().unwrap().to_owned();
    lines.push(preview.replace(&code, "CODE"));
    let relation =
        json!({"rel_type": "m.annotation", "event_id": "$ferryman-$6-preview", "key": "✅"});
    while stage.store.waiting_as(&code).unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let reaction = json!({"type": "m.reaction", "content": {"m.relates_to": relation}});
    stage.hears_event("$7", ANNA, &reaction);
    lines.push(stage.last_sealed(5).await);
    stage.hears("$8", ANNA, &format!("!ferry confirm {code}"));
    lines.push(stage.last_sealed(6).await);
    insta::assert_snapshot!(lines.join("\n"), @r"
    answer to status
    Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.
    Ferryman can't take this message, so it was not run: it was encrypted by somebody else than who sent it. Send it again yourself.
    Plan of import
    This changes the target. To begin the `import`, send `!ferry confirm CODE` within 10 minutes; otherwise it is dropped.
    Not run: this room is encrypted, and reactions are not. Answer with the code instead.
    Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.
    ");
    assert_eq!(*stage.runner.ran.lock().unwrap(), ["status"]);
    stage.hears_event(
        "$9",
        ANNA,
        &sealed("known", &format!("!ferry confirm {code}")),
    );
    stage.sealed(8).await;
    assert!(stage.runner.ran.lock().unwrap().contains(&"import"));
    let requests = stage.server.received_requests().await.unwrap();
    let clear = requests
        .iter()
        .filter(|it| it.url.path().contains("/send/m.room.message/"));
    assert_eq!(clear.count(), 0);
    let marks = requests
        .iter()
        .filter(|it| it.url.path().contains("/send/m.reaction/"));
    assert!(
        marks
            .map(|it| String::from_utf8_lossy(&it.body).into_owned())
            .all(|it| it.contains('⏳'))
    );
    stage.stop().await;
}

#[tokio::test]
async fn what_is_sent_again_by_another_event_is_not_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let first = encrypted_stage(dir.path()).await;
    let order = sealed("known", "!ferry status");
    first.hears_event("$1", ANNA, &order);
    assert_eq!(first.last_sealed(1).await, "answer to status");
    first.hears_event("$2", ANNA, &order);
    insta::assert_snapshot!(first.last_sealed(2).await, @"Ferryman can't take this message, so it was not run: the server has sent the same before. If you did not send it twice, somebody has repeated it.");
    first.stop().await;
    let second = encrypted_stage(dir.path()).await;
    second.hears_event("$3", ANNA, &order);
    second.sealed(1).await;
    assert!(second.runner.ran.lock().unwrap().is_empty());
    second.stop().await;
}

#[tokio::test]
async fn a_key_is_waited_for_and_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let stage = encrypted_stage(dir.path()).await;
    stage.hears_event("$1", ANNA, &sealed("late", "!ferry plan"));
    stage.hears_event("$2", ANNA, &sealed("never", "!ferry import"));
    stage.hears_event("$3", ANNA, &sealed("known", "!ferry status"));
    assert_eq!(stage.last_sealed(1).await, "answer to status");
    stage.hands.0.fetch_add(29_000, Ordering::Relaxed);
    stage.pretended.keys.lock().unwrap().push("late".to_owned());
    stage.news.notify_one();
    assert_eq!(stage.last_sealed(2).await, "answer to plan");
    stage.hands.0.fetch_add(1_000, Ordering::Relaxed);
    stage.news.notify_one();
    insta::assert_snapshot!(stage.last_sealed(3).await, @"Ferryman can't take this message, so it was not run: its key has not reached Ferryman. Send it again; if that does not help either, restart your client, so that it sees Ferryman's device.");
    let answer = &stage.sealed(3).await[2];
    assert_eq!(answer["m.relates_to"]["m.in_reply_to"]["event_id"], "$2");
    // It does not come twice, not even when its key comes after all.
    stage
        .pretended
        .keys
        .lock()
        .unwrap()
        .push("never".to_owned());
    stage.hears_event("$4", ANNA, &sealed("known", "!ferry status"));
    stage.sealed(4).await;
    assert_eq!(
        *stage.runner.ran.lock().unwrap(),
        ["status", "plan", "status"]
    );
    stage.stop().await;
}

#[tokio::test]
async fn a_room_that_becomes_encrypted_is_followed_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    // Anybody can say so; the room's state decides.
    first.becomes_encrypted("$0");
    first.hears("$1", ANNA, "!ferry status");
    first.said(1).await;
    first.is_encrypted().await;
    first.becomes_encrypted("$2");
    insta::assert_snapshot!(first.last_sealed(1).await, @"This room is encrypted now: Ferryman reads and writes here through its device `FERRYMANBOTABC` from now on, and takes no order in clear any more.");
    first.hears("$3", ANNA, "!ferry status");
    insta::assert_snapshot!(first.last_sealed(2).await, @"Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.");
    assert_eq!(first.said(1).await.len(), 1);
    first.stop().await;
    // The server can't take it back.
    let second = stage(dir.path()).await;
    second.hears("$4", ANNA, "!ferry status");
    second.sealed(1).await;
    assert_eq!(second.said(0).await.len(), 0);
    second.stop().await;
}

#[tokio::test]
async fn without_a_device_the_bot_says_why_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.pretended.refused.store(true, Ordering::Relaxed);
    stage.is_encrypted().await;
    stage.becomes_encrypted("$1");
    stage.said(1).await;
    stage.hears("$2", ANNA, "!ferry status");
    stage.hears_event("$3", ANNA, &sealed("known", "!ferry status"));
    stage.hears_event("$4", ANNA, &sealed("known", "!ferry plan"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let said = stage.said(1).await;
    assert_eq!(said.len(), 1, "{said:?}");
    insta::assert_snapshot!(said[0]["body"].as_str().unwrap(), @"This room is encrypted now and Ferryman can't read it (the target gives the bot no device). It takes no order here until it can, and tries again with each message.");
    assert!(stage.runner.ran.lock().unwrap().is_empty());
    // It can after all.
    stage.pretended.refused.store(false, Ordering::Relaxed);
    stage
        .pretended
        .keys
        .lock()
        .unwrap()
        .push("known".to_owned());
    // What waited for it is not lost.
    stage.news.notify_one();
    let sent = stage.sealed(4).await;
    let mut said: Vec<_> = sent.iter().map(|it| it["body"].as_str().unwrap()).collect();
    said.sort_unstable();
    insta::assert_snapshot!(said.join("\n"), @r"
    Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.
    This room is encrypted now: Ferryman reads and writes here through its device `FERRYMANBOTABC` from now on, and takes no order in clear any more.
    answer to plan
    answer to status
    ");
    assert_eq!(stage.said(1).await.len(), 1);
    stage.stop().await;
}

#[tokio::test]
async fn what_waits_too_long_for_a_device_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let keys = &stage.pretended.keys;
    keys.lock().unwrap().push("known".to_owned());
    stage.pretended.refused.store(true, Ordering::Relaxed);
    stage.is_encrypted().await;
    stage.becomes_encrypted("$1");
    stage.hears_event("$2", ANNA, &sealed("known", "!ferry import"));
    stage.said(1).await;
    assert!(stage.store.next().unwrap().is_some());
    stage.hands.0.fetch_add(120_000, Ordering::Relaxed);
    stage.news.notify_one();
    while stage.store.next().unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.pretended.refused.store(false, Ordering::Relaxed);
    stage.hears_event("$3", ANNA, &sealed("known", "!ferry status"));
    stage.sealed(2).await;
    assert_eq!(*stage.runner.ran.lock().unwrap(), ["status"]);
    stage.stop().await;
}

#[tokio::test]
async fn nothing_is_said_or_done_while_nobody_can_tell_whether_the_room_is_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    Mock::given(path_regex("/state/m.room.encryption/"))
        .respond_with(ResponseTemplate::new(502).set_body_string("<html>"))
        .with_priority(8)
        .mount(&stage.server)
        .await;
    stage.hears("$0", ANNA, "!ferry verify");
    while stage.runner.ran.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.becomes_encrypted("$1");
    stage.hears("$2", ANNA, "!ferry status");
    while stage.store.next().unwrap().is_none_or(|it| it.number != 2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = stage.said(0).await.len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.said(0).await.len(), before);
    stage.is_encrypted().await;
    stage.news.notify_one();
    let sent = stage.sealed(2).await;
    let said: Vec<_> = sent.iter().map(|it| it["body"].to_string()).collect();
    assert!(
        said.iter()
            .any(|it| it.contains("Not run: this room is encrypted")),
        "{said:?}"
    );
    assert_eq!(stage.said(0).await.len(), before);
    assert_eq!(*stage.runner.ran.lock().unwrap(), ["verify"]);
    stage.stop().await;
}
