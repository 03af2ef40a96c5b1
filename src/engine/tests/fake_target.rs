//! A target in memory: it answers what an import asks, keeps what it is told, and at a chosen request its client is
//! gone.

mod answers;
mod gate;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use tokio::net::TcpListener;

use gate::Gate;

pub(super) use gate::{Disturbance, When};
pub(super) use world::{
    Account, Backup, Broken, Door, Elsewhere, Encryption, Lie, Settings, World,
};

use super::sample::Draft;

/// What stays from one run of the import to the next.
pub(super) struct FakeTarget {
    world: Arc<Mutex<World>>,
}

/// The target as one run of the import sees it. A later run has an address of its own, so that nothing that the dead one
/// left on its way arrives.
pub(super) struct Visit {
    pub(super) url: String,
    gate: Arc<Gate>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct App {
    world: Arc<Mutex<World>>,
    gate: Arc<Gate>,
}

impl FakeTarget {
    /// A target that could fetch these rooms' events.
    pub(super) fn new(rooms: &[Draft]) -> Self {
        Self {
            world: Arc::new(Mutex::new(World::new(rooms))),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Listens for one run, to which something may happen.
    pub(super) async fn visit(&self, disturbance: Option<Disturbance>) -> Visit {
        // Between two runs it was started again.
        self.world().transactions.clear();
        let gate = Arc::new(Gate::new(disturbance));
        let app = App {
            world: Arc::clone(&self.world),
            gate: Arc::clone(&gate),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answers::handle).with_state(app);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Visit { url, gate, server }
    }
}

impl Visit {
    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.gate.requests()
    }

    /// The moment at which the client is to be dropped.
    pub(super) async fn end(&self) {
        self.gate.end().await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.server.abort();
    }
}
