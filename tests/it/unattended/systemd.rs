//! A socket that stands for systemd's.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// What was told, line by line.
pub(crate) struct Systemd {
    pub(crate) path: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Systemd {
    /// Listens in this folder.
    pub(crate) fn listen(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&lines);
        // It ends with the test's process.
        std::thread::spawn(move || {
            let mut datagram = [0; 4_096];
            while let Ok(length) = socket.recv(&mut datagram) {
                let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
                heard
                    .lock()
                    .unwrap()
                    .extend(text.lines().map(str::to_owned));
            }
        });
        Self { path, lines }
    }

    /// Everything so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until a line fits.
    pub(crate) async fn hears(&self, fits: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(line) = self.heard().into_iter().find(|line| fits(line)) {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("systemd was not told: {:?}", self.heard());
    }
}
